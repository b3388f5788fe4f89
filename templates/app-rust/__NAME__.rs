// The application __NAME__: answers the calls of its channel `ask`, and tells each in its channel `journal`.
// All that it can reach stands in system.yaml; `virtsec check` shows it. A channel is a file in /channels.
use std::fs::OpenOptions;
use std::io::{Read, Result, Write};

const LONGEST: usize = 256;

fn main() -> Result<()> {
    let mut ask = OpenOptions::new().read(true).write(true).open("/channels/ask")?;
    let mut journal = OpenOptions::new().write(true).open("/channels/journal")?;
    println!("__NAME__ is up");
    let mut request = [0u8; LONGEST];
    for answered in 1.. {
        let length = ask.read(&mut request)?; // one whole request
        let text = String::from_utf8_lossy(&request[..length]);
        // One write is one message.
        journal.write_all(format!("{}: {}", answered, text).as_bytes())?;
        ask.write_all(format!("hello, {}", text).as_bytes())?;
    }
    Ok(())
}
