//! What becomes of the names of sensors and sites.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use hmac::{Hmac, KeyInit as _, Mac as _};
use honeyxdp_archive::FileName;
use sha2::Sha256;

use super::{key::Key, texts::may_hold_an_address};

/// Names of sensors, and of the sites that they stand at.
///
/// With a key each becomes `sensor-` or `site-` and the first 8 hexadecimal digits of the HMAC-SHA256 of what it is and the name.
/// Without one they stay, but for those that may hold an address: such sensors get numbers, such sites no name.
pub(super) struct Names {
    key: Option<Key>,
    /// By the sensor's name as names of files have it, which is the one that an archive knows it by.
    sensors: BTreeMap<String, String>,
    sites: BTreeMap<String, String>,
}

impl Names {
    /// Names for these sensors, by their names in names of files.
    ///
    /// # Errors
    /// When two would get the same one.
    pub(super) fn new(key: Option<&Key>, sensors: &BTreeSet<String>) -> anyhow::Result<Self> {
        let mut names = Self { key: key.cloned(), sensors: BTreeMap::new(), sites: BTreeMap::new() };
        let mut number = 0;
        for sensor in sensors {
            let new = match &names.key {
                Some(key) => hashed(key, "sensor", sensor),
                None if may_hold_an_address(sensor) => loop {
                    number += 1;
                    let new = format!("sensor-{number}");
                    if !sensors.contains(&FileName::sensor_of(&new)) {
                        break new;
                    }
                },
                None => sensor.clone(),
            };
            if names.sensors.values().any(|other| *other == new) {
                bail!("two sensors would get the name {new}; make another key for this export");
            }
            names.sensors.insert(sensor.clone(), new);
        }
        Ok(names)
    }

    /// Sensors that have another name than before.
    pub(super) fn renamed(&self) -> usize {
        self.sensors.iter().filter(|(old, new)| old != new).count()
    }

    /// The sensor's new name, by the one in names of files, as names of files have it.
    pub(super) fn file(&self, sensor: &str) -> anyhow::Result<String> {
        let new = self.sensors.get(sensor).with_context(|| format!("no sensor of the list is called {sensor:?}"))?;
        Ok(FileName::sensor_of(new))
    }

    /// The sensor's new name, by the one in rows.
    pub(super) fn sensor(&self, sensor: &str) -> anyhow::Result<String> {
        let in_files = FileName::sensor_of(sensor);
        let Some(new) = self.sensors.get(&in_files) else {
            bail!("rows are of sensor {sensor:?}, and no file has its name; `honeyxdp archive check` says more");
        };
        if self.key.is_none() && *new == in_files {
            // It says more than the name in names of files, where it has characters that are not good there.
            if may_hold_an_address(sensor) {
                bail!(
                    "the name of sensor {sensor:?} may hold an address; export with --pseudonymise, which makes another one"
                );
            }
            return Ok(sensor.to_owned());
        }
        Ok(new.clone())
    }

    /// The site's new name, if it may have one.
    pub(super) fn site(&mut self, site: &str) -> anyhow::Result<Option<String>> {
        let Some(key) = &self.key else {
            return Ok((!may_hold_an_address(site)).then(|| site.to_owned()));
        };
        let new = hashed(key, "site", site);
        match self.sites.insert(new.clone(), site.to_owned()) {
            Some(other) if other != site => {
                bail!("two sites would get the name {new}; make another key for this export")
            }
            _ => Ok(Some(new)),
        }
    }
}

fn hashed(key: &Key, what: &str, name: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.bytes()).expect("every length is good");
    let hash = mac.chain_update(format!("honeyxdp export {what} 1\0{name}")).finalize().into_bytes();
    let digits: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{what}-{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensors(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| FileName::sensor_of(name)).collect()
    }

    #[test]
    fn with_a_key_every_name_is_another_one_in_rows_and_in_names_of_files() {
        let key = Key::from([9; 32]);
        let mut names = Names::new(Some(&key), &sensors(&["tokyo 1", "198.18.0.7"])).unwrap();
        let tokyo = names.sensor("tokyo 1").unwrap();
        assert!(tokyo.len() == 15 && tokyo.starts_with("sensor-"), "{tokyo}");
        assert_eq!(names.file("tokyo_1").unwrap(), FileName::sensor_of(&tokyo));
        assert_ne!(names.sensor("198.18.0.7").unwrap(), tokyo);
        assert_eq!(names.renamed(), 2);
        let site = names.site("tokyo 1").unwrap().unwrap();
        assert!(site.starts_with("site-") && site[5..] != tokyo[7..], "{site}");
        let other = Names::new(Some(&Key::from([8; 32])), &sensors(&["tokyo 1"])).unwrap();
        assert_ne!(other.sensor("tokyo 1").unwrap(), tokyo);
    }

    #[test]
    fn without_a_key_no_name_with_an_address_goes_through() {
        let all = ["tokyo_1", "198.18.0.7", "2001:db8::7", "sensor_1", "0123456789abcdef"];
        let mut names = Names::new(None, &sensors(&all)).unwrap();
        assert_eq!(names.sensor("tokyo_1").unwrap(), "tokyo_1");
        assert_eq!(names.sensor("sensor_1").unwrap(), "sensor_1");
        assert_eq!(names.sensor("0123456789abcdef").unwrap(), "sensor-2");
        assert_eq!(names.sensor("198.18.0.7").unwrap(), "sensor-3");
        assert_eq!(names.file("198.18.0.7").unwrap(), "sensor_3");
        assert_eq!(names.sensor("2001:db8::7").unwrap(), "sensor-4");
        assert_eq!(names.renamed(), 3);
        assert_eq!(names.site("198.18.0.7").unwrap(), None);
        assert_eq!(names.site("tokyo").unwrap().as_deref(), Some("tokyo"));
        assert!(names.sensor("other").is_err() && names.file("other").is_err());
        // In names of files the percent signs are gone.
        let hidden = Names::new(None, &sensors(&["a%3a%3ab"])).unwrap();
        assert!(hidden.sensor("a%3a%3ab").unwrap_err().to_string().contains("--pseudonymise"));
    }
}
