//! How public an IP address is, so that a public registry cannot point at a private network.
//!
//! The check belongs where an address is connected to, after the name is resolved: a public name
//! may resolve to a private address. IPv6 addresses that carry an IPv4 address (mapped,
//! compatible, NAT64, 6to4) count as the address they carry. Ranges are those of the IANA
//! special-purpose registries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The part of the network that an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// Reachable from anywhere.
    Public,
    /// Shared by customers of a carrier, RFC 6598.
    Shared,
    /// A private network, RFC 1918 and RFC 4193.
    Private,
    /// One link, RFC 3927; also the addresses where clouds serve a machine its credentials.
    LinkLocal,
    /// The machine itself.
    Loopback,
    /// Unspecified, multicast, documentation and other addresses that nobody is assigned.
    Reserved,
}

/// The class of `address`.
pub fn class(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

/// Whether a registry of one class may direct a client to an address of another.
///
/// The target must be at least as public as the registry. A link and a machine are reachable only
/// from themselves.
pub fn may_reach(registry: AddressClass, target: AddressClass) -> bool {
    use AddressClass::{Private, Public, Shared};
    match target {
        Public => true,
        Shared => registry != Public,
        Private => !matches!(registry, Public | Shared),
        _ => registry == target,
    }
}

fn class_v4(address: Ipv4Addr) -> AddressClass {
    match address.octets() {
        // Metadata of Alibaba, Oracle and Azure machines, in ranges that say otherwise.
        [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16] | [169, 254, ..] => {
            AddressClass::LinkLocal
        }
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressClass::Private,
        [100, 64..=127, ..] => AddressClass::Shared,
        [0 | 224..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn class_v6(address: Ipv6Addr) -> AddressClass {
    if let Some(carried) = carried_v4(address) {
        return class_v4(carried);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        [0xfe80..=0xfebf, ..] | [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => AddressClass::LinkLocal,
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => AddressClass::Private,
        [0x2001, 0 | 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => AddressClass::Reserved,
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

fn carried_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let (high, low) = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => return None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => (high, low),
        _ => return None,
    };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [AddressClass; 6] = [
        AddressClass::Public,
        AddressClass::Shared,
        AddressClass::Private,
        AddressClass::LinkLocal,
        AddressClass::Loopback,
        AddressClass::Reserved,
    ];

    #[test]
    fn addresses_have_the_class_of_their_range() {
        use AddressClass::{LinkLocal, Loopback, Private, Public, Reserved, Shared};
        let check = |text: &str, expected| {
            assert_eq!(class(text.parse().unwrap()), expected, "{text}");
        };
        for text in ["1.1.1.1", "172.15.0.1", "172.32.0.1", "192.167.1.1", "100.63.0.1"] {
            check(text, Public);
        }
        for text in ["2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:8.8.8.8", "2002:808:808::1"] {
            check(text, Public);
        }
        for text in ["100.64.0.1", "100.127.255.255", "::ffff:100.64.0.1"] {
            check(text, Shared);
        }
        for text in ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "fc00::1"] {
            check(text, Private);
        }
        for text in ["fd12::1", "fec0::1", "::ffff:10.1.2.3", "::10.1.2.3", "64:ff9b:1::1"] {
            check(text, Private);
        }
        for text in ["64:ff9b::10.0.0.1", "2002:a00:1::", "::ffff:0:192.168.1.1"] {
            check(text, Private);
        }
        for text in ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254"] {
            check(text, LinkLocal);
        }
        for text in ["100.100.100.200", "168.63.129.16", "64:ff9b::a9fe:a9fe"] {
            check(text, LinkLocal);
        }
        for text in ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::127.0.0.1"] {
            check(text, Loopback);
        }
        for text in ["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0", "224.0.0.1", "240.0.0.1"] {
            check(text, Reserved);
        }
        for text in ["255.255.255.255", "192.0.2.1", "198.18.0.1", "203.0.113.9", "198.51.100.1"] {
            check(text, Reserved);
        }
        for text in ["2001:db8::1", "ff02::1", "100::1", "2001::1", "3fff::1", "5f00::1"] {
            check(text, Reserved);
        }
    }

    #[test]
    fn a_target_is_never_less_public_than_the_registry() {
        use AddressClass::{LinkLocal, Loopback, Private, Public, Reserved, Shared};
        let check = |registry, expected: &[AddressClass]| {
            let reachable: Vec<_> =
                ALL.into_iter().filter(|target| may_reach(registry, *target)).collect();
            assert_eq!(reachable, expected, "{registry:?}");
        };
        check(Public, &[Public]);
        check(Shared, &[Public, Shared]);
        check(Private, &[Public, Shared, Private]);
        check(LinkLocal, &[Public, Shared, Private, LinkLocal]);
        check(Loopback, &[Public, Shared, Private, Loopback]);
        check(Reserved, &[Public, Shared, Private, Reserved]);
    }

    proptest! {
        #[test]
        fn an_address_and_its_mapped_form_have_one_class(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let mapped = class(IpAddr::V6(address.to_ipv6_mapped()));
            prop_assert_eq!(class(IpAddr::V4(address)), mapped);
        }
    }
}
