"""Runs workers/origin/torch/train.py in forks of one process, which has imported PyTorch once: that takes seconds.

python3 forked-torch.py serve <socket> <folder of the program> listens until its input ends. Where the variable
UPRIVER_FORKED_TORCH names the socket, forked-torch.py <train.py> <folder> has it train; other arguments go to Python.
"""

import json
import os
import select
import socket
import sys


def serve(path, program):
    sys.path.insert(0, program)
    from upriver_torch.main import main

    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([server, sys.stdin], [], [])
        if sys.stdin in readable:
            return
        client, _ = server.accept()
        if os.fork() == 0:
            server.close()
            train(client, main)
        client.close()
        reap()


def train(client, main):
    message, outputs, _, _ = socket.recv_fds(client, 65536, 2)
    for number, output in enumerate(outputs, 1):
        os.dup2(output, number)
    request = json.loads(message)
    os.environ.update(request["environment"])
    try:
        status = main([request["folder"]])
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        status = error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    client.sendall(bytes([status]))
    os._exit(status)


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def ask(path, folder):
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    environment = {name: value for name, value in os.environ.items() if name.startswith("UPRIVER_")}
    message = json.dumps({"folder": folder, "environment": environment}).encode()
    socket.send_fds(client, [message], [1, 2])
    status = client.recv(1)
    return status[0] if status else 1


if sys.argv[1:2] == ["serve"]:
    serve(*sys.argv[2:])
elif len(sys.argv) == 3 and os.path.basename(sys.argv[1]) == "train.py":
    sys.exit(ask(os.environ["UPRIVER_FORKED_TORCH"], sys.argv[2]))
else:
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
