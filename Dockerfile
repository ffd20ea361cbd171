# The whole stack on Python 3.11: Horovod is compiled while the image is built.
FROM python:3.11-slim-bookworm

RUN apt-get update && apt-get install --yes --no-install-recommends g++ make && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir uv

WORKDIR /pynascent
COPY . .
RUN uv sync --all-extras --no-dev

ENV PATH=/pynascent/.venv/bin:$PATH PYNASCENT_DATA=/data
VOLUME /data
ENTRYPOINT ["pynascent"]
CMD ["envs"]
