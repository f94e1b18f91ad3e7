//! Map lookups with keys laid out on the stack as the verifier requires.

use core::{ffi::c_void, ptr};

use aya_ebpf::{
    helpers::bpf_map_lookup_elem,
    maps::{Array, LpmTrie},
};
use honeyxdp_common::filter::TRIE_KEY;

/// The element at `index`. The verifier inlines the lookup.
///
/// Unlike aya's accessor the key has eight bytes: the compiler reuses stack slots that held a pointer, and without CAP_PERFMON
/// the verifier rejects overwriting half of a pointer.
#[inline(always)]
pub(crate) fn element<T>(map: &'static Array<T>, index: u32) -> Option<*mut T> {
    let key = u64::from(index).to_le();
    // SAFETY: the map is one of the object, and the kernel reads the first four bytes of the key.
    let element = unsafe {
        bpf_map_lookup_elem(ptr::from_ref(map).cast_mut().cast::<c_void>(), (&raw const key).cast::<c_void>())
    };
    if element.is_null() { None } else { Some(element.cast()) }
}

/// Whether a prefix in the trie covers an address, given as `honeyxdp_common::filter::trie_key`.
#[inline(always)]
pub(crate) fn covers(map: &'static LpmTrie<[u8; TRIE_KEY], u32>, key: [u64; 3]) -> bool {
    longest(map, key).is_some()
}

/// The value of the longest prefix that covers an address.
///
/// Not aya's key type, which is packed: the verifier rejects unaligned stack writes.
#[inline(always)]
pub(crate) fn longest(map: &'static LpmTrie<[u8; TRIE_KEY], u32>, [version, high, low]: [u64; 3]) -> Option<*mut u32> {
    #[repr(C)]
    struct Key {
        _gap: u32,
        /// The kernel's key begins here.
        prefix_len: u32,
        words: [u64; 3],
    }

    let words = [version.to_be(), high.to_be(), low.to_be()];
    let key = Key { _gap: 0, prefix_len: TRIE_KEY as u32 * 8, words };
    // SAFETY: the map is one of the object, and the kernel reads 28 bytes of the key.
    let value = unsafe {
        bpf_map_lookup_elem(
            ptr::from_ref(map).cast_mut().cast::<c_void>(),
            (&raw const key.prefix_len).cast::<c_void>(),
        )
    };
    if value.is_null() { None } else { Some(value.cast()) }
}
