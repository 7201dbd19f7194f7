"""From a fresh clone to a ready environment, with the standard library alone.

trouble       the one error, two lines
progress      what is printed while it goes on, and commands that write to a log
places        where the environment, the log and the lock are
interpreter   which python makes the environment
environment   the virtual environment: is it whole, make it, install into it
needs         which programs the course needs, and the Debian package that brings each
browser       a browser for the tests, where the distribution has no package
apt           installing packages, or the one line that does
devices       /dev/net/tun and /dev/kvm opened for the time of the tests
command       up, test, and handing over to the environment

This room imports nothing of kvmbench outside itself, so that it runs before anything is installed.
"""
