# Shared by flink/local-cluster.sh and spark/local-cluster.sh, which run clusters of processes on one machine and source
# this file. They set DIR, the folder for everything that is fetched and written; PIDS and LOGS, two folders in it; and
# PYTHON, to use another Python.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -z "${PYTHON:-}" ]; then
  PYTHON=python3
  [ -x .venv/bin/python ] && PYTHON=$PWD/.venv/bin/python
fi

fail() { echo "local-cluster.sh: error: $*" >&2; exit 1; }

need_java() { command -v java > /dev/null || [ -n "${JAVA_HOME:-}" ] || fail "Java is missing; install Java 17"; }

need_soundbeam() {
  "$PYTHON" -c 'import apache_beam, soundbeam' 2> /dev/null || fail "$PYTHON has no soundbeam; set PYTHON to one that has it"
}

free_port() { "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# The process whose id is in a file is ours only if its command line names our folder, since ids are reused.
alive() { [ -f "$1" ] && ps -ww -o command= -p "$(cat "$1")" 2> /dev/null | grep -qF "$DIR/"; }

start() { # NAME COMMAND…
  local file=$PIDS/$1.pid log=$LOGS/$1.out
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

processes() {
  local name
  for file in "$PIDS"/*.pid; do
    [ -e "$file" ] || { echo "no cluster is running"; return 1; }
    name=$(basename "$file" .pid)
    if alive "$file"; then echo "$name: process $(cat "$file")"; else echo "$name: has ended"; fi
  done
}

# Waits until NUMBER processes are ready, and prints the status. The first word that `overview` prints is how many are.
await() { # MASTER NUMBER
  local ready
  for _ in $(seq 120); do
    read -r ready _ < <(overview)
    [ "$ready" -ge "$2" ] && grep -q started "$LOGS/worker-pool.out" && { status; return; }
    alive "$PIDS/$1.pid" && alive "$PIDS/worker-pool.pid" || break
    sleep 0.5
  done
  fail "the cluster does not start; see $LOGS"
}

# Sets JAR to the job server that the variable $1 names (the user's own), or else to one that Maven assembles for flink
# or spark.
job_server() { # VARIABLE flink|spark
  local own_jar=${!1:-}
  JAR=${own_jar:-$DIR/job-server.jar}
  [ -z "$own_jar" ] || [ -f "$JAR" ] || fail "$1=$JAR: there is no such file"
  [ -n "$own_jar" ] || [ "$JAR" -nt "$HERE/job-server.pom.xml" ] && return
  command -v mvn > /dev/null || fail "Beam's job server is missing: install Maven, or set $1"
  echo "fetching Beam's runner and assembling its job server"
  mvn -B -q -f "$HERE/job-server.pom.xml" package "-P$2" -Doutput="$DIR/job-server" > "$DIR/maven.log" 2>&1 \
    || fail "Maven cannot assemble Beam's job server (see $DIR/maven.log); or set $1 to a job server"
  mv "$DIR"/job-server/job-server-*.jar "$JAR"
  rm -rf "$DIR/job-server"
}
