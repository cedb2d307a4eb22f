//! Paints an SVG of ours as PNG.
//!
//! Wraps the SVG library, which never gets to see fonts, files or addresses. The rule: how many pixels there will be is known
//! before any is allocated.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree};

use crate::error::ExportError;
use crate::limits::{Limits, Stop};

/// Paints an SVG that [`crate::svg`] wrote, at a px for each px of its size.
///
/// # Errors
/// When there would be more pixels than the limits allow, or when it is told to stop.
pub fn paint(svg: &str, limits: &Limits, stop: &Stop<'_>) -> Result<Vec<u8>, ExportError> {
    let tree = parse(svg)?;
    stop.check()?;
    let size = tree.size();
    let (width, height) = (f64::from(size.width()), f64::from(size.height()));
    let (across, down) = (width.round().max(1.0), height.round().max(1.0));
    let side = f64::from(limits.side);
    let most = limits.pixels as f64;
    if across > side || down > side || across * down > most {
        let fits = (side / across)
            .min(side / down)
            .min((most / (across * down)).sqrt());
        // Two digits, rounded down.
        let fits = (fits * 100.0).floor() / 100.0;
        return Err(ExportError::TooManyPixels {
            width: across,
            height: down,
            most: limits.pixels,
            side: limits.side,
            fits,
        });
    }
    let empty = || ExportError::Drawing("no room for its pixels".to_owned());
    let mut pixels = Pixmap::new(across as u32, down as u32).ok_or_else(empty)?;
    let scale = Transform::from_scale((across / width) as f32, (down / height) as f32);
    resvg::render(&tree, scale, &mut pixels.as_mut());
    stop.check()?;
    encode(pixels)
}

fn parse(svg: &str) -> Result<Tree, ExportError> {
    let options = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    Tree::from_str(svg, &options).map_err(|error| ExportError::Drawing(error.to_string()))
}

fn encode(pixels: Pixmap) -> Result<Vec<u8>, ExportError> {
    let failed = |error: png::EncodingError| ExportError::Drawing(error.to_string());
    let (width, height) = (pixels.width(), pixels.height());
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(failed)?;
    let straight = pixels.take_demultiplied();
    writer.write_image_data(&straight).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}
