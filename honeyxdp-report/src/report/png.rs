//! Pictures as PNG, with the fonts of this machine.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::Context as _;
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Group, Node, Options, Tree, fontdb::Database},
};

/// Draws SVG.
pub(super) struct Painter {
    options: Options<'static>,
}

/// A picture.
pub(super) struct Painting {
    /// The bytes of its file.
    pub(super) png: Vec<u8>,
    /// Letters that no font has.
    pub(super) missing: BTreeSet<char>,
}

impl Painter {
    pub(super) fn new() -> Self {
        let mut fonts = Database::new();
        fonts.load_system_fonts();
        Self::with(fonts)
    }

    fn with(mut fonts: Database) -> Self {
        // A name that is no font falls back to this one.
        let first = fonts.faces().next().and_then(|face| face.families.first()).map(|(name, _)| name.clone());
        if let Some(family) = first {
            fonts.set_sans_serif_family(family);
        }
        Self { options: Options { fontdb: Arc::new(fonts), ..Options::default() } }
    }

    /// Whether letters can be drawn at all.
    pub(super) fn has_fonts(&self) -> bool {
        !self.options.fontdb.is_empty()
    }

    /// A PNG file with two pixels for each unit of the picture.
    pub(super) fn paint(&self, svg: &str) -> anyhow::Result<Painting> {
        const SCALE: f32 = 2.0;
        let tree = Tree::from_str(svg, &self.options).context("cannot read a picture of its own")?;
        let size = tree.size().to_int_size().scale_by(SCALE).context("cannot draw a picture of this size")?;
        let mut pixels = Pixmap::new(size.width(), size.height()).context("cannot draw a picture of this size")?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
        let mut missing = BTreeSet::new();
        look_for_missing(tree.root(), &mut missing);
        Ok(Painting { png: pixels.encode_png().context("cannot write a PNG")?, missing })
    }
}

/// Letters that were drawn as a font's box for what it does not have: its glyph 0.
fn look_for_missing(group: &Group, missing: &mut BTreeSet<char>) {
    for node in group.children() {
        match node {
            Node::Group(group) => look_for_missing(group, missing),
            Node::Text(text) => {
                let glyphs = text.layouted().iter().flat_map(|span| &span.positioned_glyphs);
                missing.extend(glyphs.filter(|glyph| glyph.id.0 == 0).flat_map(|glyph| glyph.text.chars()));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(fonts: &[&str]) -> BTreeSet<char> {
        let mut database = Database::new();
        for font in fonts {
            database.load_fonts_dir(format!("/usr/share/fonts/truetype/{font}"));
        }
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\" font-family=\"VL PGothic, DejaVu Sans\">\
                   <g><text y=\"9\">図1 Mirai</text></g></svg>";
        let painting = Painter::with(database).paint(svg).unwrap();
        assert!(painting.png.starts_with(b"\x89PNG"));
        painting.missing
    }

    #[test]
    fn letters_that_no_font_has_are_told() {
        assert_eq!(missing(&["dejavu"]), BTreeSet::from(['図']), "Debian's fonts-dejavu-core");
        assert_eq!(missing(&["dejavu", "vlgothic"]), BTreeSet::new(), "Debian's fonts-vlgothic");
        assert!(!Painter::with(Database::new()).has_fonts());
    }
}
