"""Worker processes: Ray pools, Horovod groups, and their set-up."""
