# One image for the three services and the command line; compose says which one runs.
FROM python:3.13-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH=/app
WORKDIR /app

COPY requirements/run.txt requirements/run.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/run.txt

COPY shared shared
COPY services services
COPY tahvil tahvil
RUN python -m compileall -q shared services tahvil

# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
ENTRYPOINT ["python", "-m"]
CMD ["tahvil", "--help"]
