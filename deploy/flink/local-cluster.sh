#!/usr/bin/env bash
# A Flink cluster on this machine: a job manager, two task managers and a pool of Python workers, all on loopback.
#
#   deploy/flink/local-cluster.sh up
#   deploy/flink/local-cluster.sh scan --recordings recordings/ --classifier bundle/ --output results/
#   deploy/flink/local-cluster.sh status
#   deploy/flink/local-cluster.sh down
#
# Everything it fetches and writes lies in one folder, .flink/ here, or $FLINK_DIR. It wants Java 11 or 17, Maven, and a
# Python with soundbeam: $PYTHON, else .venv/bin/python, else python3; and job-server.pom.xml beside it. Also from the
# environment:
#
#   FLINK_TASK_MANAGERS=2       one slot each
#   FLINK_MEMORY=1024m          of each JVM; the Python workers' comes on top
#   FLINK_PORT, POOL_PORT       of the job manager's REST and of the worker pool; without, free ones
#   FLINK_JOB_SERVER_JAR        Beam's job server, if you have one; without, Maven puts it together for the first scan
#   FLINK_VERSION=1.19.3        the Flink that your job server is for
set -euo pipefail

FLINK=${FLINK_VERSION:-1.19.3}
POM=$(cd "$(dirname "$0")" && pwd)/job-server.pom.xml

case "${1:-}" in up | scan | status | down | fetch) ;; *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "$0" >&2; exit 2 ;; esac

mkdir -p "${FLINK_DIR:=.flink}"
DIR=$(cd "$FLINK_DIR" && pwd)
HOME_OF_FLINK=$DIR/flink-$FLINK/pyflink
export FLINK_CONF_DIR=$DIR/conf FLINK_LOG_DIR=$DIR/log FLINK_PID_DIR=$DIR/pid/flink
PIDS=$DIR/pid
if [ -z "${PYTHON:-}" ]; then
  PYTHON=python3
  [ -x .venv/bin/python ] && PYTHON=$PWD/.venv/bin/python
fi
TASK_MANAGERS=${FLINK_TASK_MANAGERS:-2}
MEMORY=${FLINK_MEMORY:-1024m}

fail() { echo "local-cluster.sh: error: $*" >&2; exit 1; }

fetch_flink() {
  [ -f "$HOME_OF_FLINK/.complete" ] && return
  echo "fetching Flink $FLINK (315 MB)"
  rm -rf "$DIR/flink-$FLINK" "$DIR/wheels"
  # Never installed: apache-flink asks for an old Beam. Its two packages unpacked together are a Flink distribution.
  "$PYTHON" -m pip download -q --no-deps --disable-pip-version-check -d "$DIR/wheels" \
    "apache-flink==$FLINK" "apache-flink-libraries==$FLINK" || fail "pip cannot download Flink; its error stands above"
  for wheel in "$DIR"/wheels/*.whl; do "$PYTHON" -m zipfile -e "$wheel" "$DIR/flink-$FLINK"; done
  # Flink's libraries are a wheel since 2.0; before that the source package has them in a folder of their own.
  for source in "$DIR"/wheels/*.tar.gz; do
    [ ! -f "$source" ] || tar -xzf "$source" -C "$HOME_OF_FLINK" --strip-components=2 --wildcards '*/deps/*'
  done
  chmod +x "$HOME_OF_FLINK"/bin/*.sh
  rm -rf "$DIR/wheels"
  touch "$HOME_OF_FLINK/.complete"
}

fetch_job_server() {
  JAR=${FLINK_JOB_SERVER_JAR:-$DIR/job-server.jar}
  [ -z "${FLINK_JOB_SERVER_JAR:-}" ] || [ -f "$JAR" ] || fail "FLINK_JOB_SERVER_JAR=$JAR: there is no such file"
  [ -n "${FLINK_JOB_SERVER_JAR:-}" ] || [ "$JAR" -nt "$POM" ] && return
  command -v mvn > /dev/null || fail "Beam's job server is missing: install Maven, or set FLINK_JOB_SERVER_JAR"
  [ "$FLINK" != "${FLINK#1.19.}" ] || fail "for Flink $FLINK set FLINK_JOB_SERVER_JAR: Maven makes a job server for 1.19"
  echo "fetching Beam's Flink runner, and putting its job server together"
  mvn -B -q -f "$POM" package -Doutput="$DIR/job-server" > "$DIR/maven.log" 2>&1 \
    || fail "Maven cannot put Beam's job server together ($DIR/maven.log says why); set FLINK_JOB_SERVER_JAR to one"
  mv "$DIR"/job-server/flink-job-server-*.jar "$JAR"
  rm -rf "$DIR/job-server"
}

free_port() { "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

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
# A scan of recordings that fails on a machine which dies goes on when it is back, or on the others.
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 10
restart-strategy.fixed-delay.delay: 2 s
jobmanager.execution.failover-strategy: region
heartbeat.interval: 2000
heartbeat.timeout: 10000
END
  printf 'FLINK_PORT=%s\nPOOL_PORT=%s\n' "$FLINK_PORT" "$POOL_PORT" > "$DIR/ports"
}

# The process whose number is in a file is ours only while it names our folder: numbers are used again.
alive() { [ -f "$1" ] && ps -o command= -p "$(cat "$1")" 2> /dev/null | grep -qF "$DIR/"; }

start() { # NAME COMMAND…
  local file=$PIDS/$1.pid log=$FLINK_LOG_DIR/$1.out
  shift
  alive "$file" && return
  nohup "$@" > "$log" 2>&1 < /dev/null &
  echo $! > "$file"
}

stop() {
  for file in "$PIDS"/*.pid; do alive "$file" && kill "$(cat "$file")" 2> /dev/null; done
  for file in "$PIDS"/*.pid; do
    for _ in $(seq 100); do
      alive "$file" || break
      sleep 0.1
    done
    alive "$file" && kill -9 "$(cat "$file")" 2> /dev/null
    rm -f "$file"
  done
  return 0
}

overview() {
  "$PYTHON" - "http://localhost:$FLINK_PORT/overview" << 'END'
import json, sys, urllib.request
try:
    answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=2)
    found = json.load(answer)
    print(found["taskmanagers"], found["slots-total"], found["jobs-running"])
except OSError:
    print("0 0 0")
END
}

need_java() { command -v java > /dev/null || [ -n "${JAVA_HOME:-}" ] || fail "there is no Java; install Java 17"; }

up() {
  need_java
  "$PYTHON" -c 'import apache_beam, pipelines' 2> /dev/null || fail "$PYTHON has no soundbeam; set PYTHON to one that has"
  fetch_flink
  if ! alive "$PIDS/jobmanager.pid"; then
    stop
    configure
  fi
  . "$DIR/ports"
  start jobmanager bash "$HOME_OF_FLINK/bin/jobmanager.sh" start-foreground
  start worker-pool "$PYTHON" -m pipelines.worker_pool --port "$POOL_PORT" --logs "$FLINK_LOG_DIR/"
  for i in $(seq "$TASK_MANAGERS"); do
    start "taskmanager-$i" bash "$HOME_OF_FLINK/bin/taskmanager.sh" start-foreground
  done
  for _ in $(seq 120); do
    read -r found _ < <(overview)
    [ "$found" -ge "$TASK_MANAGERS" ] && grep -q started "$FLINK_LOG_DIR/worker-pool.out" && { status; return; }
    alive "$PIDS/jobmanager.pid" && alive "$PIDS/worker-pool.pid" || break
    sleep 0.5
  done
  fail "the cluster does not start; $FLINK_LOG_DIR says why"
}

status() {
  local name
  [ -f "$DIR/ports" ] && . "$DIR/ports"
  for file in "$PIDS"/*.pid; do
    [ -e "$file" ] || { echo "no cluster runs"; return 1; }
    name=$(basename "$file" .pid)
    if alive "$file"; then echo "$name: process $(cat "$file")"; else echo "$name: has ended"; fi
  done
  read -r managers slots jobs < <(overview)
  echo "Flink $FLINK at http://localhost:$FLINK_PORT: $managers task managers, $slots slots, $jobs jobs running"
  echo "workers: --environment_type=EXTERNAL --environment_config=localhost:$POOL_PORT"
}

scan() {
  alive "$PIDS/jobmanager.pid" || fail "no cluster runs; start it with: $0 up"
  . "$DIR/ports"
  fetch_job_server
  exec "$PYTHON" -m pipelines.scan --runner=FlinkRunner --flink_master="localhost:$FLINK_PORT" \
    --flink_version="${FLINK%.*}" --flink_job_server_jar="$JAR" --job_server_jvm_properties=-Xmx512m \
    --environment_type=EXTERNAL --environment_config="localhost:$POOL_PORT" --parallelism="$TASK_MANAGERS" "$@"
}

command=$1
shift
case $command in
  up) up ;;
  status) status ;;
  scan) scan "$@" ;;
  fetch) need_java; fetch_flink; fetch_job_server ;;
  down) stop; rm -rf "$DIR/tmp"; echo "the cluster is down" ;;
esac
