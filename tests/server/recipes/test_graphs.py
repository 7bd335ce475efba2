"""TensorFlow's way into a server, which goes on meanwhile."""

import subprocess
import sys

LOADED = """
import sys, threading
from ame.server.recipes import graphs

done, turns = threading.Event(), 0

def load():
    graphs.load_libraries()
    done.set()

threading.Thread(target=load).start()
while not done.wait(0.001):
    turns += 1
with open("/proc/self/maps") as maps:
    loaded = "libtensorflow_cc" in maps.read()
print(turns, loaded, "tensorflow" in sys.modules)
"""


def test_other_threads_go_on_while_the_libraries_of_tensorflow_are_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], stdout=subprocess.PIPE, text=True)

    turns, loaded, imported = done.stdout.split()
    assert int(turns) > 10
    assert (loaded, imported) == ("True", "False")
