"""One stage a file; `staged_server.KINDS` names them."""
