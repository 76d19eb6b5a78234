# What the clusters of processes on one machine share: flink/local-cluster.sh and spark/local-cluster.sh read it.
# They set DIR, the folder of all that is fetched and written; PIDS and LOGS, in it; and PYTHON, if it is to be another.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -z "${PYTHON:-}" ]; then
  PYTHON=python3
  [ -x .venv/bin/python ] && PYTHON=$PWD/.venv/bin/python
fi

fail() { echo "local-cluster.sh: error: $*" >&2; exit 1; }

need_java() { command -v java > /dev/null || [ -n "${JAVA_HOME:-}" ] || fail "there is no Java; install Java 17"; }

need_soundbeam() {
  "$PYTHON" -c 'import apache_beam, soundbeam' 2> /dev/null || fail "$PYTHON has no soundbeam; set PYTHON to one that has"
}

free_port() { "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# The process whose number is in a file is ours only while it names our folder: numbers are used again.
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
    [ -e "$file" ] || { echo "no cluster runs"; return 1; }
    name=$(basename "$file" .pid)
    if alive "$file"; then echo "$name: process $(cat "$file")"; else echo "$name: has ended"; fi
  done
}

# Waits until all are there, and tells; `overview` says first how many are.
await() { # MASTER NUMBER
  local found
  for _ in $(seq 120); do
    read -r found _ < <(overview)
    [ "$found" -ge "$2" ] && grep -q started "$LOGS/worker-pool.out" && { status; return; }
    alive "$PIDS/$1.pid" && alive "$PIDS/worker-pool.pid" || break
    sleep 0.5
  done
  fail "the cluster does not start; $LOGS says why"
}

# JAR becomes the job server that $1 names (a user's own), else one that Maven puts together, for flink or spark.
job_server() { # VARIABLE flink|spark
  local given=${!1:-}
  JAR=${given:-$DIR/job-server.jar}
  [ -z "$given" ] || [ -f "$JAR" ] || fail "$1=$JAR: there is no such file"
  [ -n "$given" ] || [ "$JAR" -nt "$HERE/job-server.pom.xml" ] && return
  command -v mvn > /dev/null || fail "Beam's job server is missing: install Maven, or set $1"
  echo "fetching Beam's runner, and putting its job server together"
  mvn -B -q -f "$HERE/job-server.pom.xml" package "-P$2" -Doutput="$DIR/job-server" > "$DIR/maven.log" 2>&1 \
    || fail "Maven cannot put Beam's job server together ($DIR/maven.log says why); set $1 to one"
  mv "$DIR"/job-server/job-server-*.jar "$JAR"
  rm -rf "$DIR/job-server"
}
