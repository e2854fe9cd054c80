"""A class on one machine: `jupyterhub -f deploy/jupyterhub_config.py`, started in the folder that keeps the class.

That folder has `class.txt`, the learners' names, one per line, `password.txt`, the password of a trial, and `proxy-token.txt`,
what proxy and hub know each other by. As it stands this is a trial among people who trust each other. docs/hub.md tells how to
start it, and what to change for a class.
"""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821  JupyterHub gives it

# --- who may log in -------------------------------------------------------------------

c.Authenticator.allowed_users = set(Path("class.txt").read_text(encoding="utf-8").split())
c.Authenticator.admin_users = set()  # an admin could open every learner's files

# For a trial: one password for all. Who knows it can log in under any name of the class.
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = Path("password.txt").read_text(encoding="utf-8").strip()  # 8 characters or more

# For a class: each learner chooses a password at the first login. Better still is the school's own login (OAuth, LTI).
# c.JupyterHub.authenticator_class = "firstuse"

# --- what a learner gets --------------------------------------------------------------

c.Spawner.cmd = ["roilessons", "lab"]  # working copies of the lessons in the learner's own folder
# Servers and kernels talk by sockets that are files. With numbered ports, thirty kernels on one machine take each other's now and then.
c.Spawner.args = ["--KernelManager.transport=ipc"]
c.Spawner.default_url = "/lab/tree/00_start_here.ipynb"
c.Spawner.environment = {"NILEARN_DATA": os.environ.get("NILEARN_DATA", "/srv/nilearn_data"), "OMP_NUM_THREADS": "1"}
c.Spawner.start_timeout = c.Spawner.http_timeout = 300  # seconds; thirty who start at once wait for each other
c.Spawner.mem_limit = "1G"  # SimpleLocalProcessSpawner tells it to the lesson, and does not enforce it
c.Spawner.cpu_limit = 1  # a burst may take a whole core; the system shares what there is

# For a trial: processes of the user who starts the hub. NOTHING keeps one learner's code from another's files.
# `ulimit -d` keeps each process, not each learner, below 2 GiB: a notebook that fills its memory gets a MemoryError.
# A socket's path may have 107 characters; `.run` is shorter than Jupyter's own folder for them.
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = str(Path("learners").resolve() / "{username}")
c.Spawner.cmd = ["sh", "-c", 'ulimit -d 2097152; JUPYTER_RUNTIME_DIR=$HOME/.run exec "$0" "$@"', *c.Spawner.cmd]

# For a class, on Linux with systemd, the hub started by root: own user numbers, own folders below /var/lib, and limits that hold.
# c.JupyterHub.spawner_class = "systemd"
# c.SystemdSpawner.dynamic_users = True
# c.SystemdSpawner.isolate_tmp = True
# c.SystemdSpawner.isolate_devices = True
# c.Spawner.cmd = [str(Path(sys.prefix) / "bin/roilessons"), "lab"]
# c.Spawner.environment["JUPYTER_RUNTIME_DIR"] = "/tmp/jupyter"  # each learner's own /tmp: a short path, whatever the name

# --- when nobody works ----------------------------------------------------------------

# A server without activity for an hour ends. What was saved stays; its kernels' variables are gone.
c.JupyterHub.services = [
    {"name": "idle-culler", "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=3600", "--cull-every=300"]}
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "services": ["idle-culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    }
]

# --- where it listens -----------------------------------------------------------------

# On this machine alone; before it stands a web server that has the certificate (docs/hub.md). Never open it to a network without.
# The proxy is a process of its own (proxy.sh, which has this address too), and the learners' servers go on without a hub: so the
# hub may be stopped and started again in a class. A proxy that was started again knows its learners within a minute.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.last_activity_interval = 60
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.auth_token = Path("proxy-token.txt").read_text(encoding="utf-8").strip()
