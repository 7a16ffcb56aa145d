# One small image: the pipeline, nothing else. Build: docker build -t segue .
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements ./requirements
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/segue --create-home segue
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH SEGUE_HOST=0.0.0.0 SEGUE_DATA=/var/lib/segue/data SEGUE_LOG_FORMAT=json
USER segue
WORKDIR /var/lib/segue
VOLUME /var/lib/segue/data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
ENTRYPOINT ["segue"]
CMD ["run"]
