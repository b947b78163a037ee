/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest of our tests: a boot sector. On each disk that the BIOS knows (up to four) it adds
 * one to the 32-bit counter at the begin of sector 1, writes that back, and prints a line such as
 * "disk 0: 3" on COM1. Then it ends as the first byte of the first disk's sector 2 says:
 *
 *   P  it goes on idling until somebody ends it
 *   R  it reboots (once: the wish is cleared)
 *   C  it crashes: tells the pvpanic device, where there is one, then a triple fault (once)
 *   F  it fills the first disk from its second MiB on, until a write fails; then it powers off
 *   anything else: it powers off
 *
 * Disks are read and written with the BIOS's extensions of int 13h, AH=42h and 43h.
 */
    .code16
    .globl start

    .set COM1, 0x3f8
    .set PVPANIC, 0x505
    .set RESET, 0xcf9
    .set PM1A_CONTROL, 0x604    /* of machine "pc", as SeaBIOS sets it up */
    .set POWER_OFF, 0x2000      /* SLP_EN, sleep type 0 */
    .set PATIENCE, 5            /* libvirt fails a start whose guest ends before it returns */
    .set FIRST_DISK, 0x80
    .set DISKS, 4
    .set buffer, 0x8000

start:
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %sp
    ljmp $0, $count_disks

count_disks:
    sti
    cld
    mov $FIRST_DISK, %dl
next_disk:
    mov $1, %bl
    mov $0x42, %ah
    call transfer
    jc ending                   /* no such disk: it was the last */
    incl buffer
    mov $0x43, %ah
    call transfer
    jc failed
    call report
    inc %dl
    cmp $FIRST_DISK + DISKS, %dl
    jb next_disk

ending:
    mov $FIRST_DISK, %dl
    mov $2, %bl
    mov $0x42, %ah
    call transfer
    jc power_off
    mov buffer, %cl
    cmp $'P', %cl
    je idle
    cmp $'F', %cl
    je fill
    cmp $'R', %cl
    je clear_wish
    cmp $'C', %cl
    jne power_off

clear_wish:
    movb $0, buffer
    mov $0x43, %ah
    call transfer
    cmp $'C', %cl
    je crash

reboot:
    mov $RESET, %dx
    mov $6, %al
    out %al, %dx
    jmp idle

crash:
    mov $PVPANIC, %dx
    mov $1, %al
    out %al, %dx
    lidt no_interrupts
    int3
    jmp idle

/* In pieces of 32 KiB: all that lies behind the buffer's begin. */
fill:
    movl $2048 - 64, packet_sector
1:  addl $64, packet_sector
    movw $64, packet_count
    mov $packet, %si
    mov $0x4300, %ax
    push %dx
    int $0x13
    pop %dx
    jnc 1b

failed:
    mov $write_failed, %si
    call print
power_off:
    mov $PATIENCE, %cx          /* ticks of the clock that wakes us, 55 ms each */
1:  hlt
    loop 1b
    mov $PM1A_CONTROL, %dx
    mov $POWER_OFF, %ax
    out %ax, %dx
idle:
    hlt
    jmp idle

/* Reads (AH=42h) or writes (AH=43h) sector BL of disk DL; carry is set when it fails. */
transfer:
    mov %bl, packet_sector
    movw $1, packet_count
    mov $packet, %si
    xor %al, %al
    push %cx
    push %dx
    push %bx
    int $0x13
    pop %bx
    pop %dx
    pop %cx
    ret

/* Prints "disk N: COUNTER" and the end of the line. */
report:
    push %dx
    mov $disk, %si
    call print
    mov %dl, %al
    sub $FIRST_DISK - '0', %al
    call print_character
    mov $colon, %si
    call print
    mov buffer, %eax
    call print_number
    mov $end_of_line, %si
    call print
    pop %dx
    ret

/* Prints EAX in decimal: digits are pushed from the last to the first. */
print_number:
    mov $10, %ebx
    xor %cx, %cx
1:  xor %edx, %edx
    div %ebx
    push %dx
    inc %cx
    test %eax, %eax
    jnz 1b
2:  pop %ax
    add $'0', %al
    call print_character
    loop 2b
    ret

/* Prints the string at SI, which ends in a zero byte. */
print:
    lodsb
    test %al, %al
    jz 1f
    call print_character
    jmp print
1:  ret

print_character:
    push %dx
    push %ax
    mov $COM1 + 5, %dx
1:  in %dx, %al                 /* until the transmitter is empty */
    test $0x20, %al
    jz 1b
    pop %ax
    mov $COM1, %dx
    out %al, %dx
    pop %dx
    ret

disk:
    .asciz "disk "
colon:
    .asciz ": "
write_failed:
    .ascii "write failed"
end_of_line:
    .asciz "\r\n"

no_interrupts:
    .word 0
    .long 0

    .balign 4
packet:
    .byte 16, 0
packet_count:
    .word 1
    .word buffer, 0             /* offset, segment */
packet_sector:
    .quad 0

    .org 510
    .word 0xaa55
