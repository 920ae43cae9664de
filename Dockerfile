# Two stages: what builds the wheel does not ship. The image runs as nobody and has no shell scripts of its own.
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN python -m pip install --no-cache-dir build && python -m build --wheel --outdir /wheels

FROM python:3.12-slim
COPY --from=build /wheels /wheels
RUN python -m pip install --no-cache-dir "$(echo /wheels/*.whl)[history,notify]" && rm -rf /wheels \
    && useradd --create-home --uid 10001 auditor
USER 10001
WORKDIR /work
ENV XDG_STATE_HOME=/home/auditor/state PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["auditor"]
CMD ["--help"]
