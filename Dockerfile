# One image for the three services and the command line; compose says which one runs.
FROM python:3.13-slim AS packages
COPY requirements/run.txt .
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r run.txt

FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
COPY --from=packages /opt/venv /opt/venv
COPY shared shared
COPY services services
COPY tahvil tahvil
# Compiled now: the containers' file system is read-only.
RUN python -m compileall -q shared services tahvil
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
ENTRYPOINT ["python", "-m"]
CMD ["tahvil", "--help"]
