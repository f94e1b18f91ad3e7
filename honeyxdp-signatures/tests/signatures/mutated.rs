//! Mutations of crafted payloads, determined by a seed.

use crate::payloads;

/// Longest generated payload, bytes.
const LONGEST: usize = 4096;

/// Words that signatures and decoders look for.
pub(crate) const WORDS: &[&str] = &[
    "GET /",
    "POST /",
    " HTTP/1.1",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "User-Agent: ",
    "SOAPAction: ",
    "/shell?",
    "?images/",
    "%",
    "%20",
    "%3B",
    "%00",
    "+",
    "&",
    ";",
    "|",
    "`",
    "$(",
    ")",
    "<",
    ">",
    "\"",
    "'",
    "${IFS}",
    "$IFS$9",
    "&amp;",
    "&#x3b;",
    "&#",
    "wget",
    "wget ",
    "wget+",
    "curl ",
    "tftp -g -r ",
    "tftp ",
    " -c get ",
    "ftpget -u a -p b ",
    "-O ",
    "-l ",
    "http://",
    "http://[",
    "2001:db8::1",
    "192.0.2.1",
    ":80",
    "/bin/busybox ",
    "MIRAI",
    "ECCHI",
    "Mozi.m",
    "Mozi.a",
    "gayfgt",
    "\\147",
    "\\x67",
    "mirai.arm",
    "Corona",
    ".i.mipseb",
    "Hello, World",
    "CNXN",
    "host::",
    "\u{15}OpenTelnet:OpenOnce",
    "{\"LoginType\":\"DVRIP-Web\"",
    "XWebPageName=diag&diag",
    "NewStatusURL",
    "\0",
    "ä",
];

/// xorshift64* (Marsaglia 2003; Vigna 2014): small, fast and portable.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // A state of 0 would stay 0.
        Self(seed ^ 0x9e37_79b9_7f4a_7c15).spread()
    }

    /// Adjacent seeds diverge only after some steps.
    fn spread(mut self) -> Self {
        self.0 = self.0.max(1);
        for _ in 0..8 {
            self.next();
        }
        self
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("it is below a usize")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}

/// Generates payloads.
pub(crate) struct Mutated {
    random: Random,
    crafted: Vec<Vec<u8>>,
}

impl Mutated {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), crafted: payloads::all() }
    }

    /// The next payload, of 0 to [`LONGEST`] bytes.
    pub(crate) fn next_payload(&mut self) -> Vec<u8> {
        let choice = self.random.below(self.crafted.len());
        let mut payload = self.crafted[choice].clone();
        for _ in 0..=self.random.below(6) {
            self.change(&mut payload);
        }
        payload.truncate(LONGEST);
        payload
    }

    fn change(&mut self, payload: &mut Vec<u8>) {
        let random = &mut self.random;
        let at = random.below(payload.len() + 1);
        let to = at + random.below(payload.len() - at + 1);
        match random.below(9) {
            0 => payload.truncate(at),
            1 => drop(payload.drain(at..to)),
            2 => payload.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
            3 => payload.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.byte()),
            4 => {
                let again = payload[at..to].repeat(1 + random.below(4));
                drop(payload.splice(at..at, again));
            }
            5 => {
                let other = &self.crafted[random.below(self.crafted.len())];
                let from = random.below(other.len() + 1);
                drop(payload.splice(at..to, other[from..].iter().copied()));
            }
            // Percent-encoding.
            6 => {
                let encoded: Vec<u8> =
                    payload[at..to].iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect();
                drop(payload.splice(at..to, encoded));
            }
            _ => {
                let word = WORDS[random.below(WORDS.len())].as_bytes();
                drop(payload.splice(at..at, word.repeat(1 + random.below(3))));
            }
        }
        // Bounds the growth over several changes.
        payload.truncate(LONGEST);
    }
}
