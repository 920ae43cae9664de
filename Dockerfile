# Two stages: what builds the wheel does not ship. The image runs as nobody and has no shell scripts of its own.
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN python -m pip install --no-cache-dir --require-hashes --requirement requirements/base.lock \
    && python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.12-slim
COPY --from=build /wheels /wheels
COPY requirements/image.lock /wheels/
RUN python -m pip install --no-cache-dir --require-hashes --requirement /wheels/image.lock \
    && python -m pip install --no-cache-dir --no-deps /wheels/*.whl && rm -rf /wheels \
    && useradd --create-home --uid 10001 auditor
USER 10001
WORKDIR /work
ENV XDG_STATE_HOME=/home/auditor/state PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["auditor"]
CMD ["--help"]
