//! Programs in Rust for partitions of Virtsec on bare RISC-V. A program says `virtsec_metal::main!(run)` with a function
//! `fn run(start: Start) -> i32`; what that returns is the partition's status. Operations and results are those of
//! docs/design/core.md; waits are in ticks of 10 microseconds. What panics is a fault of its own (raised).
#![no_std]

use core::arch::asm;
use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};

pub const FOREVER: isize = 0x3fff_ffff;
pub const MILLISECOND: isize = 100;
pub const MESSAGE_BYTES: usize = 1024;
/// Where result words begin in the message page; a message follows four of them.
const RESULTS: usize = 1024;
const MESSAGE: usize = RESULTS + 16;

/// Numbers of operations.
pub mod op {
    pub const EXIT: usize = 3;
    pub const SHUTDOWN: usize = 5;
    pub const LOG: usize = 6;
    pub const TIME: usize = 7;
    pub const WAIT: usize = 8;
    pub const SEND: usize = 10;
    pub const RECEIVE: usize = 11;
    pub const WRITE: usize = 13;
    pub const READ: usize = 14;
    pub const SIGNAL: usize = 15;
    pub const POLL: usize = 16;
    pub const CALL: usize = 17;
    pub const FETCH: usize = 18;
    pub const REPLY: usize = 19;
    pub const SET_MODE: usize = 21;
    pub const RAISE: usize = 25;
    pub const BEAT: usize = 27;
    pub const AUDIT: usize = 28;
}

/// Why an operation did not do what was asked: the core's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub isize);
pub const FULL: Refused = Refused(-6);
pub const EMPTY: Refused = Refused(-7);
pub const TIMEOUT: Refused = Refused(-10);
pub const PEER: Refused = Refused(-12);

extern "C" {
    /// The message page; `partition.ld` places it.
    static mut virtsec_page: [u8; 4096];
}

#[repr(C)]
struct Number {
    name: [u8; 60],
    number: i32,
}

/// What the kernel and the image say at the start.
#[derive(Clone, Copy)]
pub struct Start {
    /// How often this partition was restarted before.
    pub restarts: usize,
    pub is_warm: bool,
    numbers: *const Number,
}

impl Start {
    #[doc(hidden)]
    pub fn new(restarts: usize, kind: usize, numbers: *const u8) -> Start {
        Start { restarts, is_warm: kind == 1, numbers: numbers.cast() }
    }
    /// Handle of a channel, or `mode:NAME`, `partition:NAME`; None: the description gives this partition none.
    pub fn port(&self, name: &str) -> Option<isize> {
        let mut row = self.numbers;
        loop {
            // SAFETY: the image builder has put rows here up to one whose name is empty.
            let Number { name: bytes, number } = unsafe { &*row };
            let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
            if length == 0 {
                return None;
            }
            if &bytes[..length] == name.as_bytes() {
                return Some(*number as isize);
            }
            row = unsafe { row.add(1) };
        }
    }
}

/// The kernel's one entry.
pub fn call(operation: usize, a: isize, b: isize, c: isize) -> Result<(), Refused> {
    let result: isize;
    // SAFETY: the kernel changes a0 and the message page alone.
    unsafe { asm!("ecall", in("a7") operation, inlateout("a0") a => result, in("a1") b, in("a2") c) };
    if result == 0 {
        Ok(())
    } else {
        Err(Refused(result))
    }
}
/// Result word 0 to 3 of the last operation.
pub fn word(index: usize) -> i32 {
    assert!(index < 4);
    // SAFETY: within the message page.
    unsafe { read_volatile(addr_of!(virtsec_page).cast::<u8>().add(RESULTS + index * 4).cast()) }
}
/// The message to be sent: its first bytes.
pub fn put(message: &[u8]) -> isize {
    let length = message.len().min(MESSAGE_BYTES);
    for (i, byte) in message[..length].iter().enumerate() {
        // SAFETY: within the message page.
        unsafe { write_volatile(addr_of_mut!(virtsec_page).cast::<u8>().add(i), *byte) };
    }
    length as isize
}
/// The message that came, as far as there is room for it.
pub fn take(into: &mut [u8]) -> &[u8] {
    let length = (word(0) as usize).min(into.len()).min(MESSAGE_BYTES);
    for (i, byte) in into[..length].iter_mut().enumerate() {
        // SAFETY: within the message page.
        *byte = unsafe { read_volatile(addr_of!(virtsec_page).cast::<u8>().add(MESSAGE + i)) };
    }
    &into[..length]
}

pub fn send(port: isize, message: &[u8], wait: isize) -> Result<(), Refused> {
    call(op::SEND, port, put(message), wait)
}
pub fn receive(port: isize, into: &mut [u8], wait: isize) -> Result<&[u8], Refused> {
    call(op::RECEIVE, port, wait, 0)?;
    Ok(take(into))
}
pub fn write(port: isize, message: &[u8]) -> Result<(), Refused> {
    call(op::WRITE, port, put(message), 0)
}
/// The last value, and whether it is valid.
pub fn read(port: isize, into: &mut [u8]) -> Result<(&[u8], bool), Refused> {
    call(op::READ, port, 0, 0)?;
    let is_valid = word(2) != 0;
    Ok((take(into), is_valid))
}
pub fn request<'a>(port: isize, message: &[u8], into: &'a mut [u8]) -> Result<&'a [u8], Refused> {
    call(op::CALL, port, put(message), 0)?;
    Ok(take(into))
}
pub fn fetch(port: isize, into: &mut [u8], wait: isize) -> Result<&[u8], Refused> {
    call(op::FETCH, port, wait, 0)?;
    Ok(take(into))
}
pub fn reply(port: isize, message: &[u8]) -> Result<(), Refused> {
    call(op::REPLY, port, put(message), 0)
}
/// A line for the system's log.
pub fn log(line: &[u8]) {
    let _ = call(op::LOG, put(line), 0, 0);
}
/// Until anything comes.
pub fn wait(ticks: isize) -> Result<(), Refused> {
    call(op::WAIT, ticks, 0, 0)
}
/// Ticks since the system started.
pub fn time() -> i64 {
    let _ = call(op::TIME, 0, 0, 0);
    (i64::from(word(0)) << 30) + i64::from(word(1))
}
pub fn exit(status: i32) -> ! {
    loop {
        let _ = call(op::EXIT, status as isize, 0, 0);
    }
}

/// The program's entry.
#[macro_export]
macro_rules! main {
    ($run:path) => {
        core::arch::global_asm!(
            ".section .text.start,\"ax\",@progbits",
            ".globl _start",
            "_start:",
            "mv a2, a4",
            "call virtsec_begin",
            "1: j 1b",
            ".text",
        );
        #[no_mangle]
        extern "C" fn virtsec_begin(restarts: usize, kind: usize, numbers: *const u8) -> ! {
            $crate::exit($run($crate::Start::new(restarts, kind, numbers)))
        }
    };
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {
        let _ = call(op::RAISE, 8, 0, 0);
    }
}
