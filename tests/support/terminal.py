"""Runs a program on a terminal of its own: terminal.py COLUMNS PROGRAM ARGUMENT...

Standard input, output and error of the program are the terminal, as wide as COLUMNS, unless $PTY_STDIN names a file that is
its standard input, or $PTY_STDOUT one that is its standard output. What it draws is written to standard output as it is; the
exit code is its own.
"""
import fcntl
import os
import pty
import struct
import sys
import termios

columns, program = int(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    for name, number, flags in (("PTY_STDIN", 0, os.O_RDONLY), ("PTY_STDOUT", 1, os.O_WRONLY | os.O_CREAT)):
        path = os.environ.pop(name, None)
        if path:
            os.dup2(os.open(path, flags, 0o600), number)
    # The parent sets the size before it reads; a line on the terminal says that it has.
    os.read(2, 16)
    os.execvpe(program[0], program, os.environ)

# Rows, columns, and two sizes in pixels that nobody asks for (tty_ioctl(4)).
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
mode = termios.tcgetattr(terminal)
mode[3] &= ~termios.ECHO
termios.tcsetattr(terminal, termios.TCSANOW, mode)
os.write(terminal, b"\n")
while True:
    try:
        drawn = os.read(terminal, 65536)
    except OSError:
        # Linux says EIO when the last of the other side has gone.
        break
    if not drawn:
        break
    sys.stdout.buffer.write(drawn)
sys.stdout.flush()
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
