//! A partition in Rust: answers the calls of `ask`, and tells each in the log.
#![no_std]
#![no_main]

use virtsec_metal::{fetch, log, reply, Start, FOREVER};

virtsec_metal::main!(run);

fn run(start: Start) -> i32 {
    let ask = match start.port("ask") {
        Some(ask) => ask,
        None => return 1,
    };
    loop {
        let (mut name, mut message) = ([0; 32], [0; 64]);
        let name = match fetch(ask, &mut name, FOREVER) {
            Ok(name) => name,
            Err(_) => continue,
        };
        let greeting = b"hello, ";
        message[..greeting.len()].copy_from_slice(greeting);
        message[greeting.len()..greeting.len() + name.len()].copy_from_slice(name);
        let whole = &message[..greeting.len() + name.len()];
        let _ = reply(ask, whole);
        log(whole);
    }
}
