#!/usr/bin/env bash
# A Flink cluster on this machine: a job manager, two task managers and a pool of Python workers, all on loopback.
#
#   deploy/flink/local-cluster.sh up
#   deploy/flink/local-cluster.sh scan --recordings recordings/ --classifier bundle/ --output results/
#   deploy/flink/local-cluster.sh embed …, or search …: likewise
#   deploy/flink/local-cluster.sh status
#   deploy/flink/local-cluster.sh down
#
# Everything that it fetches and writes is in one folder: .flink/ in the current folder, or $FLINK_DIR. It needs Java 11
# or 17, Maven, and a Python with soundbeam: $PYTHON, or else .venv/bin/python, or else python3. It reads ../processes.sh
# and ../job-server.pom.xml, and these variables:
#
#   FLINK_TASK_MANAGERS=2       one slot each
#   FLINK_MEMORY=1024m          memory of each JVM; the Python workers need more on top
#   FLINK_PORT, POOL_PORT       ports of the job manager's REST interface and of the worker pool (default: free ones)
#   FLINK_JOB_SERVER_JAR        Beam's job server, if you have one; else Maven assembles one for the first scan
#   FLINK_VERSION=1.19.3        the version of Flink that your job server is for
set -euo pipefail

FLINK=${FLINK_VERSION:-1.19.3}

case "${1:-}" in up | scan | embed | search | status | down | fetch) ;; *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "$0" >&2; exit 2 ;; esac

mkdir -p "${FLINK_DIR:=.flink}"
DIR=$(cd "$FLINK_DIR" && pwd)
HOME_OF_FLINK=$DIR/flink-$FLINK/pyflink
export FLINK_CONF_DIR=$DIR/conf FLINK_LOG_DIR=$DIR/log FLINK_PID_DIR=$DIR/pid/flink
PIDS=$DIR/pid
LOGS=$FLINK_LOG_DIR
. "$(dirname "$0")/../processes.sh"
TASK_MANAGERS=${FLINK_TASK_MANAGERS:-2}
MEMORY=${FLINK_MEMORY:-1024m}

fetch_flink() {
  [ -f "$HOME_OF_FLINK/.complete" ] && return
  echo "fetching Flink $FLINK (315 MB)"
  rm -rf "$DIR/flink-$FLINK" "$DIR/wheels"
  # These are not installed, since apache-flink requires an old Beam. Unpacked together, they are a Flink distribution.
  "$PYTHON" -m pip download -q --no-deps --disable-pip-version-check -d "$DIR/wheels" \
    "apache-flink==$FLINK" "apache-flink-libraries==$FLINK" || fail "pip cannot download Flink; see the error above"
  for wheel in "$DIR"/wheels/*.whl; do "$PYTHON" -m zipfile -e "$wheel" "$DIR/flink-$FLINK"; done
  # Since 2.0, Flink's libraries are a wheel; before that, the source package has them in a separate folder.
  for source in "$DIR"/wheels/*.tar.gz; do
    [ -f "$source" ] || continue
    tar -xzf "$source" -C "$DIR/flink-$FLINK" --strip-components=1
    cp -R "$DIR/flink-$FLINK/deps/." "$HOME_OF_FLINK/"
    rm -rf "$DIR/flink-$FLINK/deps"
  done
  chmod +x "$HOME_OF_FLINK"/bin/*.sh
  rm -rf "$DIR/wheels"
  touch "$HOME_OF_FLINK/.complete"
}

fetch_job_server() {
  [ -n "${FLINK_JOB_SERVER_JAR:-}" ] || [ "$FLINK" != "${FLINK#1.19.}" ] \
    || fail "for Flink $FLINK set FLINK_JOB_SERVER_JAR: Maven assembles a job server for 1.19 only"
  job_server FLINK_JOB_SERVER_JAR flink
}

configure() {
  FLINK_PORT=${FLINK_PORT:-$(free_port)} POOL_PORT=${POOL_PORT:-$(free_port)}
  rm -rf "$FLINK_CONF_DIR"
  mkdir -p "$FLINK_LOG_DIR" "$FLINK_PID_DIR" "$DIR/tmp"
  cp -r "$HOME_OF_FLINK/conf" "$FLINK_CONF_DIR"
  sed -n '/^env:/,/^ *all:/p' "$HOME_OF_FLINK/conf/config.yaml" > "$FLINK_CONF_DIR/config.yaml"
  cat >> "$FLINK_CONF_DIR/config.yaml" << END
jobmanager.rpc.address: localhost
jobmanager.rpc.port: $(free_port)
jobmanager.bind-host: localhost
jobmanager.memory.process.size: $MEMORY
taskmanager.host: localhost
taskmanager.bind-host: localhost
taskmanager.memory.process.size: $MEMORY
taskmanager.numberOfTaskSlots: 1
rest.address: localhost
rest.bind-address: localhost
rest.port: $FLINK_PORT
io.tmp.dirs: $DIR/tmp
# If a machine dies during a scan, the scan continues on the others, or when the machine is back.
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 10
restart-strategy.fixed-delay.delay: 2 s
jobmanager.execution.failover-strategy: region
heartbeat.interval: 2000
heartbeat.timeout: 10000
END
  printf 'FLINK_PORT=%s\nPOOL_PORT=%s\n' "$FLINK_PORT" "$POOL_PORT" > "$DIR/ports"
}

overview() {
  "$PYTHON" - "http://localhost:$FLINK_PORT/overview" << 'END'
import json, sys, urllib.request
try:
    answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=2)
    cluster = json.load(answer)
    print(cluster["taskmanagers"], cluster["slots-total"], cluster["jobs-running"])
except OSError:
    print("0 0 0")
END
}

up() {
  need_java
  need_soundbeam
  fetch_flink
  if ! alive "$PIDS/jobmanager.pid"; then
    stop
    configure
  fi
  . "$DIR/ports"
  start jobmanager bash "$HOME_OF_FLINK/bin/jobmanager.sh" start-foreground
  start worker-pool "$PYTHON" -m soundbeam.pipelines.worker_pool --port "$POOL_PORT" --logs "$FLINK_LOG_DIR/"
  for i in $(seq "$TASK_MANAGERS"); do
    start "taskmanager-$i" bash "$HOME_OF_FLINK/bin/taskmanager.sh" start-foreground
  done
  await jobmanager "$TASK_MANAGERS"
}

status() {
  processes || return 1
  . "$DIR/ports"
  read -r managers slots jobs < <(overview)
  echo "Flink $FLINK at http://localhost:$FLINK_PORT: $managers task managers, $slots slots, $jobs jobs running"
  echo "workers: --environment_type=EXTERNAL --environment_config=localhost:$POOL_PORT"
}

on_cluster() {
  local program=$1
  shift
  alive "$PIDS/jobmanager.pid" || fail "no cluster is running; start one with: $0 up"
  . "$DIR/ports"
  fetch_job_server
  exec "$PYTHON" -m "soundbeam.pipelines.$program" --runner=FlinkRunner --flink_master="localhost:$FLINK_PORT" \
    --flink_version="${FLINK%.*}" --flink_job_server_jar="$JAR" --job_server_jvm_properties=-Xmx512m \
    --environment_type=EXTERNAL --environment_config="localhost:$POOL_PORT" --parallelism="$TASK_MANAGERS" "$@"
}

command=$1
shift
case $command in
  up) up ;;
  status) status ;;
  scan | embed | search) on_cluster "$command" "$@" ;;
  fetch) need_java; fetch_flink; fetch_job_server ;;
  down) stop; rm -rf "$DIR/tmp"; echo "the cluster is down" ;;
esac
