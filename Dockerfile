# The whole stack on Python 3.11: Horovod is compiled while the image is built.
#
#   docker build --tag pynascent:cpu .                   the last stage, without GPUs
#   docker build --target cuda --tag pynascent:cuda .    for NVIDIA GPUs; run it with --gpus all

# -- NVIDIA GPUs: Horovod is compiled with NCCL, against the CUDA version that TensorFlow 2.18 is built with
FROM nvidia/cuda:12.5.1-devel-ubuntu22.04 AS cuda

# rsync is for Ray's cluster launcher, which copies files into the container with it.
# Debian and Ubuntu remove a package's older versions: a pinned one would break this build sooner or later.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends g++ make python3-pip rsync \
    && rm -rf /var/lib/apt/lists/* && pip3 install --no-cache-dir 'uv>=0.13,<1'

WORKDIR /pynascent
COPY . .
ENV HOROVOD_GPU_OPERATIONS=NCCL HOROVOD_CUDA_HOME=/usr/local/cuda
# uv brings Python 3.11, which the base image has not. TensorFlow's extra brings the CUDA libraries that it loads,
# cuDNN among them, in the versions that it needs.
RUN uv sync --all-extras --no-dev && uv pip install --no-cache 'tensorflow[and-cuda]>=2.18,<2.19'

ENV PATH=/pynascent/.venv/bin:$PATH PYNASCENT_DATA=/data
VOLUME /data
ENTRYPOINT ["pynascent"]
CMD ["envs"]

# -- no GPU: the last stage is what `docker build` makes unless told otherwise
FROM python:3.11-slim-bookworm AS cpu

# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends g++ make rsync \
    && rm -rf /var/lib/apt/lists/* && pip install --no-cache-dir 'uv>=0.13,<1'

WORKDIR /pynascent
COPY . .
RUN uv sync --all-extras --no-dev

ENV PATH=/pynascent/.venv/bin:$PATH PYNASCENT_DATA=/data
VOLUME /data
ENTRYPOINT ["pynascent"]
CMD ["envs"]
