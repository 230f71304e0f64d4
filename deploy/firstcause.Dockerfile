# One image for Airflow's processes, the Spark drivers that they start, and the analyzer.
FROM maven:3.9.9-eclipse-temurin-17 AS jars
COPY deploy/pom.xml /build/pom.xml
RUN mvn -q -B -ntp -f /build/pom.xml -P spark dependency:copy-dependencies -DoutputDirectory=/jars/spark

FROM python:3.11.13-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends openjdk-17-jre-headless procps \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home firstcause \
    && install -d -o firstcause -g firstcause /var/lib/firstcause
WORKDIR /opt/firstcause
ENV PATH=/opt/firstcause/.venv/bin:$PATH VIRTUAL_ENV=/opt/firstcause/.venv PYTHONUNBUFFERED=1
COPY requirements-bootstrap.txt requirements.txt ./
RUN python -m venv .venv \
    && pip install -q --no-cache-dir --require-hashes -r requirements-bootstrap.txt \
    && uv pip install -q --no-cache --require-hashes -r requirements.txt
COPY --from=jars /jars /opt/jars
COPY . .
RUN uv pip install -q --no-cache --no-deps --no-build-isolation -e .
USER firstcause
