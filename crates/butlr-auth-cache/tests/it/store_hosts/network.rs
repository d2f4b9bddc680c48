//! Two hosts on one machine: network namespaces, each with a cable of its own to where the database is.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A switch with the address of the database, and a cable from it to each host. It is taken down when it is dropped.
pub(super) struct Network {
    id: String,
    third: u8,
}

impl Network {
    /// Lays the cables, or says loudly that this user may not.
    #[expect(clippy::print_stderr, reason = "it tells who runs the tests what was left out")]
    pub(super) fn lay() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let third = u8::try_from((process * 2 + count) % 250).unwrap();
        let network = Self { id: format!("ba{process}{count}"), third };
        if !network.try_host("a") {
            eprintln!("SKIPPED two hosts: network namespaces take root, and the package iproute2");
            return None;
        }
        if !network.can_be_entered("a") {
            eprintln!("SKIPPED two hosts: nobody enters a network namespace from a root that is not mounted");
            return None;
        }
        network.host("b");
        let switch = network.switch();
        ip(&format!("link add {switch} type bridge"));
        ip(&format!("address add {}/24 dev {switch}", network.address()));
        ip(&format!("link set {switch} up"));
        for (host, last) in [("a", 2), ("b", 3)] {
            let (near, far, namespace) =
                (network.cable(host), format!("{}{host}f", network.id), network.namespace(host));
            ip(&format!("link add {near} type veth peer name {far}"));
            ip(&format!("link set {near} master {switch} up"));
            ip(&format!("link set {far} netns {namespace}"));
            ip(&format!("-n {namespace} address add 10.213.{third}.{last}/24 dev {far}"));
            ip(&format!("-n {namespace} link set {far} up"));
        }
        Some(network)
    }

    /// Where the database is to listen: for the hosts, another machine.
    pub(super) fn address(&self) -> IpAddr {
        Ipv4Addr::new(10, 213, self.third, 1).into()
    }

    /// Pulls a host's cable: what is sent is lost, and nobody is told.
    pub(super) fn cut(&self, host: &str) {
        ip(&format!("link set {} down", self.cable(host)));
    }

    pub(super) fn mend(&self, host: &str) {
        ip(&format!("link set {} up", self.cable(host)));
    }

    /// A command that runs this program there.
    pub(super) fn on(&self, host: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(host)]).arg(std::env::current_exe().unwrap());
        command
    }

    fn host(&self, host: &str) {
        assert!(self.try_host(host));
    }

    fn try_host(&self, host: &str) -> bool {
        let added = Command::new("ip").args(["netns", "add", &self.namespace(host)]).output();
        added.is_ok_and(|added| added.status.success())
    }

    /// Whoever enters one makes mounts of its own, for which `/` has to be one: that of a chroot need not be.
    fn can_be_entered(&self, host: &str) -> bool {
        let entered = Command::new("ip").args(["netns", "exec", &self.namespace(host), "true"]).output();
        entered.is_ok_and(|entered| entered.status.success())
    }

    fn namespace(&self, host: &str) -> String {
        format!("{}-{host}", self.id)
    }

    fn switch(&self) -> String {
        format!("{}s", self.id)
    }

    fn cable(&self, host: &str) -> String {
        format!("{}{host}", self.id)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in ["a", "b"] {
            // A cable goes with either of its ends.
            let _ = Command::new("ip").args(["netns", "delete", &self.namespace(host)]).output();
        }
        let _ = Command::new("ip").args(["link", "delete", &self.switch()]).output();
    }
}

#[track_caller]
fn ip(arguments: &str) {
    let ended = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    assert!(ended.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&ended.stderr));
}
