//! Drops the sections that only a debugger reads.
//!
//! `-Cdebuginfo=2` is needed, because bpf-linker makes BTF out of it. After that, DWARF is nine tenths of the object and
//! of no use to the kernel. This is done here, and not by an LLVM tool, because not every toolchain brings one.

use anyhow::{Context as _, Result};
use object::{
    build::elf::{Builder, SectionData},
    elf,
};

/// The object without `.debug_*` and their relocations.
pub(crate) fn strip(object: &[u8]) -> Result<Vec<u8>> {
    let mut builder = Builder::read(object).context("bpf-linker wrote something that is no ELF object.")?;
    for section in &mut builder.sections {
        let name = section.name.as_slice();
        section.delete = name.starts_with(b".debug_") || name.starts_with(b".rel.debug_");
    }
    builder.delete_orphans();
    // A relocation section that has lost everything would only be noise.
    for section in &mut builder.sections {
        if section.sh_type == elf::SHT_REL
            && matches!(&section.data, SectionData::Relocation(relocations) if relocations.is_empty())
        {
            section.delete = true;
        }
    }
    // LLVM keeps the names of sections among those of symbols; the writer wants a table for them.
    if !builder.sections.iter().any(|section| matches!(section.data, SectionData::SectionString)) {
        let names = builder.sections.add();
        names.name = b".shstrtab".as_slice().into();
        names.sh_type = elf::SHT_STRTAB;
        names.sh_addralign = 1;
        names.data = SectionData::SectionString;
    }
    let mut stripped = Vec::new();
    builder.write(&mut stripped).context("The object could not be written without its DWARF.")?;
    Ok(stripped)
}
