//! Pictures as PNG, with the fonts of this machine.

use std::sync::Arc;

use anyhow::Context as _;
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree, fontdb::Database},
};

/// Draws SVG.
pub(super) struct Painter {
    options: Options<'static>,
}

impl Painter {
    pub(super) fn new() -> Self {
        let mut fonts = Database::new();
        fonts.load_system_fonts();
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

    /// The bytes of a PNG file, two pixels for each unit of the picture.
    pub(super) fn paint(&self, svg: &str) -> anyhow::Result<Vec<u8>> {
        const SCALE: f32 = 2.0;
        let tree = Tree::from_str(svg, &self.options).context("cannot read a picture of its own")?;
        let size = tree.size().to_int_size().scale_by(SCALE).context("cannot draw a picture of this size")?;
        let mut pixels = Pixmap::new(size.width(), size.height()).context("cannot draw a picture of this size")?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
        pixels.encode_png().context("cannot write a PNG")
    }
}
