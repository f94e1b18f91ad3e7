//! Looking up elements of arrays.

use core::{ffi::c_void, ptr};

use aya_ebpf::{helpers::bpf_map_lookup_elem, maps::Array};

/// The element at `index`. The verifier puts the lookup in the place of the call.
///
/// Not aya's own way, because the key has eight bytes here: the compiler reuses the stack where it kept a pointer, and without
/// CAP_PERFMON the verifier refuses to have half of a pointer overwritten.
#[inline(always)]
pub(crate) fn element<T>(map: &'static Array<T>, index: u32) -> Option<*mut T> {
    let key = u64::from(index).to_le();
    // SAFETY: the map is one of the object, and the kernel reads the first four bytes of the key.
    let element = unsafe {
        bpf_map_lookup_elem(ptr::from_ref(map).cast_mut().cast::<c_void>(), (&raw const key).cast::<c_void>())
    };
    if element.is_null() { None } else { Some(element.cast()) }
}
