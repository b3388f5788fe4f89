# The programs of guest.test.ts, which holds them assembled:
#   riscv64-linux-gnu-gcc -nostdlib -static -march=rv64imac_zicsr -mabi=lp64 -Wl,-Ttext=0x80000000 -Wl,--no-relax -DPROGRAM
#   riscv64-linux-gnu-objcopy -O binary -j .text, then base64
.option norelax

#ifdef FIRMWARE
# M-mode, flat, at 0x80000000: shows a digit that counts its starts (RAM is zero at each), then takes commands from the UART
# by polling: p pass, r reset, f fail with 7, w waits 2 ms for mtimecmp and shows t, h is echoed when two other harts began;
# anything else is echoed.
.equ UART, 0x10000000
.equ TEST, 0x100000
_start:
  li s2, 0x8001          # 0x80010000: starts, then harts
  slli s2, s2, 16
  csrr t0, mhartid
  beqz t0, first
  li t1, 1
  addi t0, s2, 4
  amoadd.w zero, t1, (t0)
  j park
first:
  lui s0, 0x10000        # UART
  lui s1, 0x100          # finisher
  lw t1, 0(s2)
  addi t2, t1, 1
  sw t2, 0(s2)
  addi a0, t1, '0'
  jal ra, put
next:
  lbu t0, 5(s0)
  andi t0, t0, 1
  beqz t0, next
  lbu a0, 0(s0)
  li t1, 'p'
  beq a0, t1, pass
  li t1, 'r'
  beq a0, t1, again
  li t1, 'f'
  beq a0, t1, fail
  li t1, 'h'
  beq a0, t1, others
  li t1, 'w'
  beq a0, t1, sleep
  jal ra, put
  j next
others:
  lw t0, 4(s2)
  li t1, 2
  bne t0, t1, others
  jal ra, put
  j next
pass:
  li t0, 0x5555
  sw t0, 0(s1)
park: wfi
  j park
again:
  li t0, 0x7777
  sw t0, 0(s1)
  j park
fail:
  li t0, 0x73333
  sw t0, 0(s1)
  j park
sleep:                    # mtimecmp := mtime + 20,000; wfi until MTIP
  lui s3, 0x2004          # mtimecmp of hart 0
  lui t0, 0x200c
  ld t1, -8(t0)           # mtime
  li t2, 20000
  add t1, t1, t2
  sd t1, 0(s3)
  li t0, 0x80
  csrw mie, t0
1: wfi
  csrr t0, mip
  andi t0, t0, 0x80
  beqz t0, 1b
  li t1, -1
  sd t1, 0(s3)
  li a0, 't'
  jal ra, put
  j next
put:
  lbu t0, 5(s0)
  andi t0, t0, 0x20
  beqz t0, put
  sb a0, 0(s0)
  ret
#endif

#ifdef KERNEL
# S-mode, a RISC-V Image: DBCN write, HSM start, IPI, remote fence.i over changed code, TIME, HSM stop and
# status, remote sfence.vma; SRST with reason 0 when all of it
# held, else with "system failure".
_start:
  .option push
  .option norvc
  j begin
  .option pop
  .word 0
  .dword 0x200000
  .dword 0x10000
  .dword 0
  .word 2
  .word 0
  .dword 0
  .ascii "RISCV\0\0\0"
  .ascii "RSC\x05"
  .word 0
begin:
  lla s0, _start
  lui s1, 0x10000
  # DBCN write of text
  li a7, 0x4442434e
  li a6, 0
  li a0, 6
  lla a1, text
  li a2, 0
  ecall
  bnez a0, bad
  # HSM start hart 1
  li a7, 0x48534d
  li a6, 0
  li a0, 1
  lla a1, second
  li a2, 0x77
  ecall
  bnez a0, bad
  lla t0, flag
1: lw t1, 0(t0)
  beqz t1, 1b
  # IPI to hart 1
  li a7, 0x735049
  li a6, 0
  li a0, 2
  li a1, 0
  ecall
  bnez a0, bad
  lla t0, flag
  li t2, 2
2: lw t1, 0(t0)
  bne t1, t2, 2b
  # change `answer`, fence.i on hart 1, let it call again
  lla t0, answer
  lla t1, other
  lw t2, 0(t1)
  sw t2, 0(t0)
  fence rw, rw
  li a7, 0x52464e43
  li a6, 0
  li a0, 1
  li a1, 1
  ecall
  bnez a0, bad
  lla t0, flag
  li t2, 3
  sw t2, 0(t0)
  li t2, 4
6: lw t1, 0(t0)
  bne t1, t2, 6b
  lla t0, result
  lw t1, 0(t0)
  li t2, 12
  bne t1, t2, bad
  # TIME: 1 ms from now, wfi until STIP
  csrr a0, time
  li t0, 10000
  add a0, a0, t0
  li a7, 0x54494d45
  li a6, 0
  ecall
  li t0, 0x20
  csrw sie, t0
3: wfi
  csrr t0, sip
  andi t0, t0, 0x20
  beqz t0, 3b
  # hart 1 stopped? wait for it
4: li a7, 0x48534d
  li a6, 2
  li a0, 1
  ecall
  li t0, 1
  bne a1, t0, 4b
  # RFENCE on all, then shutdown
  li a7, 0x52464e43
  li a6, 1
  li a0, 0
  li a1, -1
  li a2, 0
  li a3, -1
  ecall
  bnez a0, bad
  li a7, 0x53525354
  li a6, 0
  li a0, 0
  li a1, 0
  ecall
bad:
  li a7, 0x53525354
  li a6, 0
  li a0, 0
  li a1, 1
  ecall
  j bad
second:
  li t1, 0x77
  bne a1, t1, bad
  li t1, 1
  bne a0, t1, bad
  lla t0, flag
  sw t1, 0(t0)
  li t1, 2
  csrw sie, t1
5: wfi
  csrr t1, sip
  andi t1, t1, 2
  beqz t1, 5b
  li t1, 2
  csrc sip, t1
  call answer
  lla t0, result
  sw a0, 0(t0)
  lla t0, flag
  li t1, 2
  sw t1, 0(t0)
  li t2, 3
7: lw t1, 0(t0)
  bne t1, t2, 7b
  call answer
  lla t0, result
  lw t1, 0(t0)
  slli t1, t1, 2
  add t1, t1, a0
  sw t1, 0(t0)            # 4 * 2 + 4
  lla t0, flag
  li t1, 4
  sw t1, 0(t0)
  li a7, 0x48534d
  li a6, 1
  ecall
  j bad
  .option push
  .option norvc
  .align 2
answer:
  li a0, 2
  ret
other:
  li a0, 4
  .option pop
text: .ascii "hello\n"
.align 3
flag: .word 0
result: .word 0
#endif
