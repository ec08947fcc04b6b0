//! Names of machines.

/// The name of an ELF file's `e_machine`, as wheels and kernels have it.
pub(super) fn machine_name(machine: u16) -> Option<&'static str> {
    Some(match machine {
        3 => "i686",
        21 => "ppc64le",
        22 => "s390x",
        40 => "armv7l",
        62 => "x86_64",
        183 => "aarch64",
        243 => "riscv64",
        _ => return None,
    })
}
