"""The image without Docker: the Dockerfile's steps, carried out in roots of their own, and a server in the last one."""
