"""A training script as a process of its own: started by its site, and talking through a socket.

`Launched` is the site's side, `connect` the script's. Between them lies a folder, which the
variable AME_FEDERATION names: the socket, and what every process of the script may know. Messages
are packets of msgpack; arrays travel in memory that is handed over, and are copied once.
"""
