# The proxy of a class: `sh proxy.sh` in the folder that keeps the class, before the hub. It is a process of its own, so that
# pages stay connected while the hub is stopped and started again. docs/hub.md tells more.
set -e
CONFIGPROXY_AUTH_TOKEN=$(cat proxy-token.txt)
export CONFIGPROXY_AUTH_TOKEN="${CONFIGPROXY_AUTH_TOKEN:?proxy-token.txt is empty}"
exec configurable-http-proxy --ip 127.0.0.1 --port 8000 --api-ip 127.0.0.1 --api-port 8001 \
    --error-target http://127.0.0.1:8081/hub/error --pid-file proxy.pid
