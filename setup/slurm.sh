#!/usr/bin/env bash
# slurm.sh start|stop|status|restart-node NAME: a real SLURM on this one machine, for the cluster tests (tests/cluster).
#   start   installs what is missing (Debian packages), writes the configuration, starts munge, MariaDB, slurmdbd, slurmctld,
#           three CPU nodes cn1-cn3 and two GPU nodes gn1-gn2, whose GPU is a device node of our own. Nothing to do: nothing done.
#   stop    cancels all jobs and ends every daemon that `start` started.
# Needs root, no systemd. A machine that has a SLURM of its own is left alone. Memory limits of jobs are enforced where the
# kernel's memory controller can be had; CPUs and memory that the nodes claim are more than the machine has.
set -euo pipefail
cd "$(dirname "$0")/.."
. setup/common.sh

CPU_NODES=(cn1 cn2 cn3)
GPU_NODES=(gn1 gn2)
CONTROL_PORT=16817 DATABASE_PORT=16819 NODE_PORT=17001 SQL_PORT=16306
STATE=/var/lib/selfalign-slurm
RUN=/run/selfalign-slurm
LOGS=/var/log/selfalign-slurm
MARK="# written by setup/slurm.sh of the self-align workflow"

# What a job of the unmodified profile may ask for has to fit: its largest is 128 GB, its widest 32 threads.
NODE_CPUS=64 NODE_MEMORY=520000

packages() {
    local missing=()
    have slurmctld || missing+=(slurmctld)
    have slurmd || missing+=(slurmd)
    have slurmdbd || missing+=(slurmdbd)
    have sbatch || missing+=(slurm-client)
    have munged || missing+=(munge)
    # The -core packages: the full server would want to be started by the system, and pulls in much more.
    have mariadbd || missing+=(mariadb-server-core)
    have mariadb || missing+=(mariadb-client-core)
    [ ${#missing[@]} = 0 ] || need_packages "${missing[@]}"
}

# alive NAME: whether the daemon whose pid is on file runs. A pid file survives a reboot, so the name is compared too.
alive() {
    local pid
    pid=$(cat "$RUN/$1.pid" 2>/dev/null) || return 1
    [ -d "/proc/$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "${1%%-*}"
}

# daemon NAME COMMAND...: starts it in a session of its own, output into the log folder, pid on file.
daemon() {
    local name=$1
    shift
    if alive "$name"; then return; fi
    # No descriptor of ours may stay open in it: a reader of our output would wait for ever, and so would whoever wants a
    # lock that we, or who started us, hold.
    setsid nohup bash -c 'for fd in /proc/$$/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done; exec "$@"' \
        "$name" "$@" >>"$LOGS/$name.log" 2>&1 </dev/null &
    echo $! >"$RUN/$name.pid"
    disown
}

# end NAME [SIGNAL]: ends a daemon and waits until it is gone.
end() {
    local pid tries=0
    alive "$1" || { rm -f "$RUN/$1.pid"; return 0; }
    pid=$(cat "$RUN/$1.pid")
    kill "-${2:-TERM}" "$pid" 2>/dev/null || true
    while [ -d "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { kill -KILL "$pid" 2>/dev/null || true; break; }
        sleep 0.1
    done
    rm -f "$RUN/$1.pid"
}

# until_true SECONDS WHAT COMMAND...: waits for a daemon to answer.
until_true() {
    local left=$(($1 * 5)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || stop "$what did not come up" "do: look into $LOGS, then run: setup/slurm.sh stop; setup/slurm.sh start"
        sleep 0.2
    done
}

ours() { [ ! -e "$1" ] || head -n 1 "$1" | grep -qF "$MARK"; }

# write FILE OWNER MODE: standard input into a file, only if it differs.
write() {
    local new
    new=$(printf '%s\n' "$MARK" && cat)
    if [ "$new" != "$(cat "$1" 2>/dev/null)" ]; then
        printf '%s\n' "$new" >"$1"
        changed=1
    fi
    chown "$2" "$1"
    chmod "$3" "$1"
}

# memory_limits: whether jobs can be held to their memory here: the kernel's memory controller in its first version.
memory_limits() { [ -d /sys/fs/cgroup/memory ] && mkdir -p /sys/fs/cgroup/memory/slurm-probe 2>/dev/null && rmdir /sys/fs/cgroup/memory/slurm-probe; }

configure() {
    local node port=$NODE_PORT tasks=task/none proctrack=proctrack/linuxproc host
    host=$(hostname -s)
    for file in /etc/slurm/slurm.conf /etc/slurm/slurmdbd.conf /etc/slurm/gres.conf /etc/slurm/cgroup.conf; do
        ours "$file" || stop "this machine has a SLURM configuration of its own: $file" \
            "do: run the cluster tests on it with your site file (docs/cluster.md), or use a machine without SLURM"
    done
    mkdir -p /etc/slurm "$STATE"/{ctld,sql} "$RUN" "$LOGS"
    chown slurm: "$STATE"/{ctld,sql} "$RUN" "$LOGS"
    [ -s "$STATE/password" ] || (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$STATE/password")
    # The GPU: a character device that any program may open. Jobs that hold it see CUDA_VISIBLE_DEVICES.
    [ -c "$STATE/gpu0" ] || mknod -m 666 "$STATE/gpu0" c 1 3
    if memory_limits; then tasks=task/cgroup proctrack=proctrack/cgroup; else
        say "no memory controller that SLURM 22 can use: jobs are not held to their memory here" >&2
    fi
    changed=
    write /etc/slurm/cgroup.conf root: 644 <<CONF
CgroupPlugin=cgroup/v1
CgroupAutomount=yes
ConstrainRAMSpace=yes
ConstrainSwapSpace=yes
AllowedSwapSpace=0
ConstrainCores=no
ConstrainDevices=no
CONF
    write /etc/slurm/gres.conf root: 644 <<CONF
NodeName=gn[1-2] Name=gpu File=$STATE/gpu0
CONF
    write /etc/slurm/slurmdbd.conf slurm: 600 <<CONF
AuthType=auth/munge
DbdHost=localhost
DbdPort=$DATABASE_PORT
SlurmUser=slurm
PidFile=$RUN/slurmdbd.own.pid
LogFile=$LOGS/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$SQL_PORT
StorageUser=slurm
StoragePass=$(cat "$STATE/password")
StorageLoc=slurm
CONF
    {
        cat <<CONF
ClusterName=selfalign
SlurmctldHost=$host(127.0.0.1)
SlurmUser=slurm
SlurmctldPort=$CONTROL_PORT
AuthType=auth/munge
CryptoType=crypto/munge
StateSaveLocation=$STATE/ctld
SlurmdSpoolDir=$STATE/spool.%n
SlurmctldPidFile=$RUN/slurmctld.own.pid
SlurmdPidFile=$RUN/slurmd.%n.own.pid
SlurmctldLogFile=$LOGS/slurmctld.log
SlurmdLogFile=$LOGS/slurmd.%n.log
ProctrackType=$proctrack
TaskPlugin=$tasks
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=5
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=$DATABASE_PORT
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
# Nodes claim more than the machine has.
SlurmdParameters=config_overrides
# A partition of higher priority takes the nodes of jobs that run; those are queued again.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
# Short, so that the tests of faults are.
SlurmdTimeout=25
SlurmctldTimeout=10
KillWait=3
# Long: a step that ends while the controller is away passes for one that can't be killed, and its node would be drained.
UnkillableStepTimeout=600
# Long, so that they can ask about jobs that ended.
MinJobAge=3600
SchedulerParameters=sched_interval=2,bf_interval=2,requeue_delay=1
MailProg=/bin/true
CONF
        for node in "${CPU_NODES[@]}"; do
            echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$port CPUs=$NODE_CPUS RealMemory=$NODE_MEMORY State=UNKNOWN"
            port=$((port + 1))
        done
        for node in "${GPU_NODES[@]}"; do
            echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$port CPUs=$NODE_CPUS RealMemory=$NODE_MEMORY Gres=gpu:1 State=UNKNOWN"
            port=$((port + 1))
        done
        cat <<CONF
PartitionName=cpu Nodes=cn[1-3] Default=YES MaxTime=1-00:00:00 DefMemPerCPU=100 PriorityTier=1 State=UP
PartitionName=gpu Nodes=gn[1-2] MaxTime=1-00:00:00 DefMemPerCPU=100 PriorityTier=1 State=UP
PartitionName=spot Nodes=cn[1-3] MaxTime=1-00:00:00 DefMemPerCPU=100 PriorityTier=1 PreemptMode=CANCEL State=UP
PartitionName=urgent Nodes=cn[1-3],gn[1-2] MaxTime=1-00:00:00 DefMemPerCPU=100 PriorityTier=10 State=UP
CONF
    } | write /etc/slurm/slurm.conf root: 644
}

start_munge() {
    if munge -n </dev/null >/dev/null 2>&1; then return; fi
    mkdir -p /etc/munge /run/munge /var/lib/munge /var/log/munge
    [ -s /etc/munge/munge.key ] || (umask 077 && dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 status=none)
    chown -R munge: /etc/munge /run/munge /var/lib/munge /var/log/munge
    chmod 755 /run/munge
    rm -f /run/munge/munge.socket.2
    daemon munged runuser -u munge -- munged --foreground
    until_true 60 munge munge -n
}

sql() { mariadb --protocol=socket --socket="$STATE/sql/socket" -u root "$@"; }

start_database() {
    if [ ! -d "$STATE/sql/data/mysql" ]; then
        mariadb-install-db --no-defaults --user=slurm --datadir="$STATE/sql/data" --auth-root-authentication-method=socket \
            --skip-test-db >"$LOGS/mariadb-install.log" 2>&1 || stop "the accounting database could not be made: $LOGS/mariadb-install.log"
    fi
    daemon mariadbd mariadbd --no-defaults --user=slurm --datadir="$STATE/sql/data" --socket="$STATE/sql/socket" \
        --port="$SQL_PORT" --bind-address=127.0.0.1 --innodb-buffer-pool-size=32M --innodb-lock-wait-timeout=900 \
        --performance-schema=OFF
    until_true 120 "the accounting database" sql -e "select 1"
    sql -e "create database if not exists slurm;
        create or replace user slurm@'127.0.0.1' identified by '$(cat "$STATE/password")';
        create or replace user slurm@'localhost' identified by '$(cat "$STATE/password")';
        grant all on slurm.* to slurm@'127.0.0.1'; grant all on slurm.* to slurm@'localhost';"
    daemon slurmdbd slurmdbd -D
    until_true 120 slurmdbd sacctmgr --noheader list cluster
}

start_node() { daemon "slurmd-$1" slurmd -D -N "$1"; }

usable() { [ "$(sinfo --noheader --Node --partition cpu,gpu --format '%N %t' | sort -u | grep -cE ' (idle|mix|alloc)$')" = $((${#CPU_NODES[@]} + ${#GPU_NODES[@]})) ]; }

start() {
    local node
    packages
    exec 9>/run/selfalign-slurm.lock
    flock 9
    configure
    [ -z "$changed" ] || end_nodes
    start_munge
    start_database
    # An account that is not the default one.
    for what in "cluster selfalign" "account paying" "user root account=paying"; do
        # shellcheck disable=SC2086
        sacctmgr --immediate add $what >/dev/null 2>&1 || true
    done
    daemon slurmctld slurmctld -D
    until_true 120 slurmctld scontrol ping
    for node in "${CPU_NODES[@]}" "${GPU_NODES[@]}"; do start_node "$node"; done
    until_true 5 "all nodes" usable 2>/dev/null || true
    if ! usable; then
        # Nodes that an earlier test left drained or down.
        scontrol update NodeName="$(IFS=,; echo "${CPU_NODES[*]},${GPU_NODES[*]}")" State=RESUME 2>/dev/null || true
        until_true 120 "all nodes" usable
    fi
    say "SLURM is up: partitions cpu (${CPU_NODES[*]}), gpu (${GPU_NODES[*]}), spot (as cpu, jobs end when preempted), urgent (all nodes, preempts); logs in $LOGS"
}

end_nodes() {
    local node
    for node in "${CPU_NODES[@]}" "${GPU_NODES[@]}"; do end "slurmd-$node"; done
    end slurmctld
    end slurmdbd
}

halt() {
    if alive slurmctld; then
        scancel --user=root --quiet 2>/dev/null || true
        squeue --noheader --format %u 2>/dev/null | sort -u | xargs -r -n1 scancel --quiet --user 2>/dev/null || true
        for _ in $(seq 50); do [ -n "$(squeue --noheader 2>/dev/null)" ] || break; sleep 0.2; done
    fi
    end_nodes
    end mariadbd
    end munged
    say "SLURM is stopped"
}

case ${1:-} in
    start | stop | end-daemon | start-node) [ "$(id -u)" = 0 ] || stop "a SLURM of this machine's own needs root" \
        "do: run the cluster tests on your cluster with your site file: make cluster-test (docs/cluster.md)" ;;
esac
case ${1:-} in
    start) start ;;
    stop) halt ;;
    # For the tests of faults.
    end-daemon) end "$2" "${3:-TERM}" ;;
    start-node) start_node "$2" ;;
    start-controller) daemon slurmctld slurmctld -D ;;
    status) sinfo --Node --long ;;
    *) stop "usage: setup/slurm.sh start | stop | status" ;;
esac
