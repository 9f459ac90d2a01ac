# livegift in one container: docker build -t livegift . && docker run -p 8000:8000 -v livegift:/data livegift
FROM python:3.11-slim AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY . .
# The wheel's build makes the pages with a Node of its own; the constraints hold for it, too.
RUN PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
      pip wheel --no-deps --wheel-dir /wheels . \
 && python -m venv /opt/livegift \
 && /opt/livegift/bin/pip install -c constraints.txt /wheels/*.whl

FROM python:3.11-slim
RUN useradd --user-group --uid 10001 --home-dir /data --no-create-home livegift \
 && install -d -o livegift -g livegift -m 0700 /data
COPY --from=build /opt/livegift /opt/livegift
USER 10001:10001
# The admin port listens beside it: publish only 8000.
ENV PATH=/opt/livegift/bin:$PATH PYTHONUNBUFFERED=1 LIVEGIFT_DATA=/data LIVEGIFT_HOST=0.0.0.0
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8001, timeout=2); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["livegift"]
CMD ["serve"]
