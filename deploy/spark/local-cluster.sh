#!/usr/bin/env bash
# A Spark cluster on this machine: a master, two workers and a pool of Python workers, all on loopback.
#
#   deploy/spark/local-cluster.sh up
#   deploy/spark/local-cluster.sh scan --recordings recordings/ --classifier bundle/ --output results/
#   deploy/spark/local-cluster.sh status
#   deploy/spark/local-cluster.sh down
#
# Everything that it fetches and writes is in one folder: .spark/ in the current folder, or $SPARK_DIR. It needs Java 11
# or 17, Maven, and a Python with soundbeam: $PYTHON, or else .venv/bin/python, or else python3. It reads ../processes.sh
# and ../job-server.pom.xml, and these variables:
#
#   SPARK_WORKERS=2             one core each
#   SPARK_MEMORY=1g             memory of each executor; the Python workers need more on top
#   SPARK_PORT, POOL_PORT       ports of the master and of the worker pool (default: free ones)
#   SPARK_JOB_SERVER_JAR        Beam's job server, if you have one; else Maven assembles one for the first scan
set -euo pipefail

SPARK=3.5.5

case "${1:-}" in up | scan | status | down | fetch) ;; *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "$0" >&2; exit 2 ;; esac

mkdir -p "${SPARK_DIR:=.spark}"
DIR=$(cd "$SPARK_DIR" && pwd)
PIDS=$DIR/pid
LOGS=$DIR/log
export SPARK_HOME=$DIR/spark-$SPARK/deps SPARK_LOCAL_IP=127.0.0.1 SPARK_CONF_DIR=$DIR/conf
WORKERS=${SPARK_WORKERS:-2}
MEMORY=${SPARK_MEMORY:-1g}
. "$(dirname "$0")/../processes.sh"

fetch_spark() {
  [ -f "$SPARK_HOME/.complete" ] && return
  echo "fetching Spark $SPARK (317 MB)"
  rm -rf "$DIR/spark-$SPARK" "$DIR/source"
  # This is not installed: the source package of pyspark contains a Spark distribution.
  "$PYTHON" -m pip download -q --no-deps --no-binary :all: --disable-pip-version-check -d "$DIR/source" "pyspark==$SPARK" \
    || fail "pip cannot download Spark; see the error above"
  mkdir -p "$DIR/spark-$SPARK"
  tar -xzf "$DIR"/source/*.tar.gz -C "$DIR/spark-$SPARK" --strip-components=1
  chmod +x "$SPARK_HOME"/bin/*
  rm -rf "$DIR/source"
  touch "$SPARK_HOME/.complete"
}

configure() {
  SPARK_PORT=${SPARK_PORT:-$(free_port)} POOL_PORT=${POOL_PORT:-$(free_port)} PAGE_PORT=$(free_port)
  mkdir -p "$LOGS" "$PIDS" "$SPARK_CONF_DIR"
  printf 'SPARK_PORT=%s\nPOOL_PORT=%s\nPAGE_PORT=%s\n' "$SPARK_PORT" "$POOL_PORT" "$PAGE_PORT" > "$DIR/ports"
}

deploy() { # NAME CLASS ARGUMENTS…
  local name=$1 class=org.apache.spark.deploy.$2
  shift 2
  start "$name" bash "$SPARK_HOME/bin/spark-class" "$class" "$@"
}

# Prints how many workers the master has, and how many applications are running.
overview() {
  "$PYTHON" - "http://localhost:$PAGE_PORT/json/" << 'END'
import json, sys, urllib.request
try:
    cluster = json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=2))
    print(cluster["aliveworkers"], len(cluster["activeapps"]))
except OSError:
    print("0 0")
END
}

up() {
  need_java
  need_soundbeam
  fetch_spark
  if ! alive "$PIDS/master.pid"; then
    stop
    configure
  fi
  . "$DIR/ports"
  deploy master master.Master --host localhost --port "$SPARK_PORT" --webui-port "$PAGE_PORT"
  start worker-pool "$PYTHON" -m soundbeam.pipelines.worker_pool --port "$POOL_PORT" --logs "$LOGS/"
  for i in $(seq "$WORKERS"); do
    deploy "worker-$i" worker.Worker --host localhost --cores 1 --memory "$MEMORY" --work-dir "$DIR/work-$i" \
      --webui-port 0 "spark://localhost:$SPARK_PORT"
  done
  await master "$WORKERS"
}

status() {
  processes || return 1
  . "$DIR/ports"
  read -r workers jobs < <(overview)
  echo "Spark $SPARK at spark://localhost:$SPARK_PORT: $workers workers, $jobs jobs running"
  echo "workers: --environment_type=EXTERNAL --environment_config=localhost:$POOL_PORT"
}

scan() {
  alive "$PIDS/master.pid" || fail "no cluster is running; start one with: $0 up"
  . "$DIR/ports"
  job_server SPARK_JOB_SERVER_JAR spark
  exec "$PYTHON" -m soundbeam.pipelines.scan --runner=SparkRunner --spark_master_url="spark://localhost:$SPARK_PORT" \
    --spark_job_server_jar="$JAR" --job_server_jvm_properties=-Xmx512m \
    --environment_type=EXTERNAL --environment_config="localhost:$POOL_PORT" "$@"
}

command=$1
shift
case $command in
  up) up ;;
  status) status ;;
  scan) scan "$@" ;;
  fetch) need_java; fetch_spark; job_server SPARK_JOB_SERVER_JAR spark ;;
  down) stop; rm -rf "$DIR"/work-*; echo "the cluster is down" ;;
esac
