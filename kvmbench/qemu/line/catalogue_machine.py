"""The options that say what the machine is: board, processors, memory, start, engine, process."""

from __future__ import annotations

from kvmbench.qemu.line.catalogue_shape import DEBUG, DISPLAY, ON_OFF, STANDARD, Change, Key, Option

CHARACTER_DEVICE = (
    "stdio | none | null | vc | pty | file:PATH | unix:PATH,server=on,wait=off | tcp:HOST:PORT | mon:…"
)
_DEVICE_WORDS = ("stdio", "none", "null", "vc", "pty")
_DIALS = Key("server", "QEMU waits for somebody to connect, instead of connecting itself", "off", ON_OFF)
_WAITS = Key("wait", "QEMU starts only once somebody has connected", "on", ON_OFF)

MACHINE: tuple[Option, ...] = (
    Option(
        "name",
        "names the guest: in its window, in the process list, and for whoever looks after it",
        STANDARD,
        takes="NAME[,process=NAME][,debug-threads=on|off]",
        implied="guest",
        keys=(
            Key("guest", "the guest's name, to be unique on this host"),
            Key("process", "the process's name in ps and top", "qemu-system-…"),
            Key("debug-threads", "gives each thread of QEMU a name", "off", ON_OFF),
        ),
        closed=True,
        default="the guest has no name",
    ),
    Option(
        "machine",
        "chooses the board that is emulated; `-machine help` lists them",
        STANDARD,
        aliases=("M",),
        takes="[type=]NAME[,property=value…]",
        implied="type",
        keys=(
            Key("type", "the board", "pc: an i440FX board of 1996, in this QEMU's version"),
            Key("accel", "the engine, or several with : between them", "tcg"),
            Key("kernel_irqchip", "who emulates the interrupt controller", "on", (*ON_OFF, "split")),
        ),
        default="pc, the i440FX board of 1996",
        changes=(Change("2.9", "accel= may be written as the option -accel instead"),),
        asked="-machine help",
    ),
    Option(
        "accel",
        "chooses the engine that executes the guest's instructions: kvm by the processor, tcg by translation",
        STANDARD,
        takes="[accel=]NAME[,property=value…]",
        implied="accel",
        keys=(
            Key("accel", "the engine"),
            Key("tb-size", "MiB for translated code (tcg)"),
            Key(
                "thread", "one thread for all processors, or one for each (tcg)", "multi", ("single", "multi")
            ),
        ),
        default="tcg",
        changes=(Change("2.9", "new; before it was -machine accel="),),
        asked="-accel help",
        repeats=True,
    ),
    Option(
        "enable-kvm",
        "takes KVM for the engine",
        DEBUG,
        default="tcg",
        today="-accel kvm",
    ),
    Option(
        "cpu",
        "chooses the processor that the guest sees; `-cpu help` lists them",
        STANDARD,
        takes="MODEL[,+feature][,-feature][,feature=on|off]",
        implied="model",
        keys=(
            Key(
                "model",
                "the processor; host is this machine's own, with KVM only, and max all that can be done",
            ),
        ),
        default="qemu64",
        asked="-cpu help",
    ),
    Option(
        "smp",
        "says how many processors the guest has, and how they are arranged",
        STANDARD,
        takes="[[cpus=]N][,maxcpus=N][,sockets=N][,dies=N][,clusters=N][,cores=N][,threads=N]",
        implied="cpus",
        keys=(
            Key("cpus", "processors at the start", "as many as maxcpus"),
            Key("maxcpus", "how many there can be once more are plugged in", "as many as cpus"),
            Key("sockets", "packages on the board", "what is left when cores and threads are taken out"),
            Key("dies", "dies in a package", "1"),
            Key("clusters", "clusters in a die; not on a PC", "1"),
            Key("cores", "cores in a die", "as many as it takes"),
            Key("threads", "threads of a core", "1"),
        ),
        closed=True,
        default="one processor",
        changes=(
            Change("5.2", "sockets × dies × cores × threads has to be maxcpus"),
            Change("6.2", "-smp 2 is one socket with two cores; before it was two sockets with one"),
            Change("9.0", "naming a part that the board has not, even as 1, is deprecated"),
        ),
    ),
    Option(
        "m",
        "gives the guest this much memory, in MiB unless a letter says otherwise",
        STANDARD,
        takes="[size=]N[M|G][,slots=N,maxmem=SIZE]",
        implied="size",
        keys=(
            Key("size", "memory at the start", "128 MiB"),
            Key("slots", "places where memory can be plugged in later", "0"),
            Key("maxmem", "how much it can become", "no more than at the start"),
        ),
        closed=True,
        default="128 MiB",
    ),
    Option(
        "boot",
        "says what the firmware starts from, and whether it asks",
        STANDARD,
        takes="[order=LETTERS][,once=LETTERS][,menu=on|off][,splash=FILE][,splash-time=MS][,reboot-timeout=MS]"
        "[,strict=on|off]",
        implied="order",
        keys=(
            Key(
                "order",
                "in which order: a, b floppy, c first hard disk, d first CD-ROM, n to p network cards",
            ),
            Key("once", "the order for the first start alone; after a reset `order` counts"),
            Key("menu", "the firmware offers a menu (F12 or Esc)", "off", ON_OFF),
            Key("splash", "a JPEG or BMP picture that the firmware shows, with menu=on"),
            Key("splash-time", "for how long, in milliseconds"),
            Key(
                "reboot-timeout",
                "milliseconds until it tries again when nothing could be started",
                "-1: it does not",
            ),
            Key("strict", "starts from nothing else than what bootindex= names", "off", ON_OFF),
        ),
        closed=True,
        default="the hard disk first",
        changes=(Change("", "letters without order= are still taken, and advised against"),),
    ),
    Option(
        "daemonize",
        "goes to the background once the guest's sockets are there, so that the shell gets its prompt back",
        DEBUG,
        default="QEMU stays in the foreground, and ends with its terminal",
    ),
    Option(
        "pidfile",
        "writes QEMU's process id to a file",
        DEBUG,
        takes="FILE",
        default="no file",
    ),
    Option(
        "nographic",
        "shows no screen: serial port and monitor share the terminal, and Ctrl-a c changes between them",
        DISPLAY,
        default="a window, or a VNC server where there is no desktop",
    ),
    Option(
        "serial",
        "says where the guest's serial port leads; a second one is the second port, up to four",
        DEBUG,
        takes=CHARACTER_DEVICE,
        implied="device",
        keys=(Key("device", "where it leads"), _DIALS, _WAITS),
        default="vc: a text screen in QEMU's window; stdio with -nographic",
        repeats=True,
        plain_words=_DEVICE_WORDS,
    ),
    Option(
        "monitor",
        "says where QEMU's own prompt is; with stdio it is this terminal",
        DEBUG,
        takes=CHARACTER_DEVICE,
        implied="device",
        keys=(Key("device", "where it is"), _DIALS, _WAITS),
        default="vc: a text screen in QEMU's window; the serial port's terminal with -nographic",
        repeats=True,
        plain_words=_DEVICE_WORDS,
    ),
    Option(
        "qmp",
        "opens a monitor for programs, which speaks JSON",
        DEBUG,
        takes=CHARACTER_DEVICE,
        implied="device",
        keys=(Key("device", "where it is"), _DIALS, _WAITS),
        default="none",
        repeats=True,
        plain_words=_DEVICE_WORDS,
    ),
)
