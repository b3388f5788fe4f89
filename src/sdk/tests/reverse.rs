// What the tests of the WASI host ask of a program in Rust: its own library over the channels, the clock and the log.

use std::fs::OpenOptions;
use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    println!("{:?} {:?}", std::env::args().collect::<Vec<_>>(), std::env::var("MODE"));
    for entry in std::fs::read_dir("/channels")? {
        println!("channel {}", entry?.file_name().to_string_lossy());
    }
    let mut ask = OpenOptions::new().read(true).write(true).open("/channels/ask")?;
    println!("none: {:?}", OpenOptions::new().read(true).open("/channels/none").unwrap_err().kind());
    let start = std::time::Instant::now();
    std::thread::sleep(std::time::Duration::from_millis(20));
    println!("slept {} ms", start.elapsed().as_millis());
    loop {
        let mut request = [0u8; 64];
        let length = ask.read(&mut request)?;
        if &request[..length] == b"panic" { panic!("as asked"); }
        request[..length].reverse();
        ask.write_all(&request[..length])?;
        println!("turned round {} bytes", length);
    }
}
