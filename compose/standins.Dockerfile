# The public archives and Amazon S3, as servers of the composition: docker build -f compose/standins.Dockerfile .
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app
WORKDIR /app
COPY requirements/base.lock requirements/base.lock
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements/base.lock
COPY fixtures fixtures
USER 10001:10001
