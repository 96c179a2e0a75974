#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Speaks with a language server as an editor does and prints what it answers."""
import json
import subprocess
import sys

GOOD = """func.func @good(%l: tensor<?x8xf32>) -> tensor<?x2xi32> {
  %ids, %w = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %ids : tensor<?x2xi32>
}
"""
BAD = """func.func @bad(%l: tensor<?x8xf32>) {
  // Nine of eight experts.
  %ids, %w = moe.route %l select top_k(9) : tensor<?x8xf32> -> tensor<?x9xi32>, tensor<?x9xf32>
  return
}
"""


class Session:
    def __init__(self, command):
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.next_id = 0

    def send(self, method, params, request=False):
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        if request:
            self.next_id += 1
            message["id"] = self.next_id
        body = json.dumps(message).encode()
        self.server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.server.stdin.flush()

    def receive(self):
        length = 0
        while (line := self.server.stdout.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.server.stdout.read(length))

    def answer(self):
        while "id" not in (message := self.receive()):
            pass
        return message["result"]

    def diagnostics(self, name, text):
        uri = "file:///" + name
        self.send("textDocument/didOpen", {"textDocument": {
            "uri": uri, "languageId": "mlir", "version": 1, "text": text}})
        while (message := self.receive()).get("method") != "textDocument/publishDiagnostics" \
                or message["params"]["uri"] != uri:
            pass
        return message["params"]["diagnostics"]


def main():
    session = Session(sys.argv[1:])
    session.send("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, True)
    capabilities = session.answer()["capabilities"]
    print("initialize:", *(word for word in ("hover", "definition")
                           if capabilities.get(word + "Provider")))
    session.send("initialized", {})
    for name, text in (("good.mlir", GOOD), ("bad.mlir", BAD)):
        found = session.diagnostics(name, text)
        for diagnostic in found:
            start = diagnostic["range"]["start"]
            print(f"{name} {start['line'] + 1}:{start['character'] + 1}:", diagnostic["message"])
        if not found:
            print(f"{name}: no diagnostics")
    session.send("shutdown", None, True)
    session.answer()
    session.send("exit", None)
    session.server.stdin.close()
    print("exit code", session.server.wait(timeout=30))


main()
