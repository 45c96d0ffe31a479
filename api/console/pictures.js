// Photos that a person gives, with what the service found on them.

import { html, useEffect, useMemo, useRef, useState } from "./preact-htm.js";
import { t } from "./language.js";
import { Camera, cameraProblem } from "./camera.js";

const IMAGES = "image/jpeg,image/png,image/webp,image/heic,image/heif";
const POINTS = ["left_eye", "right_eye", "nose", "mouth_left", "mouth_right"];

const isImage = (file) => file.type.startsWith("image/") || /\.(heic|heif)$/i.test(file.name ?? "");

// The address of a file's content in this page, until the file changes.
export function useAddress(file) {
  const url = useMemo(() => (file ? URL.createObjectURL(file) : ""), [file]);
  useEffect(() => () => url && URL.revokeObjectURL(url), [url]);
  return url;
}

// Takes photos by drop, paste, choice or webcam.
export function PhotoInput({ label, onPhotos, several = false, takesPaste = true }) {
  const [isOver, setOver] = useState(false);
  const [hasCamera, setCamera] = useState(false);
  const input = useRef(null);
  const give = (files) => {
    const images = [...files].filter(isImage);
    if (images.length) onPhotos(several ? images : images.slice(0, 1));
  };
  useEffect(() => {
    if (!takesPaste) return undefined;
    const paste = (event) => give(event.clipboardData?.files ?? []);
    document.addEventListener("paste", paste);
    return () => document.removeEventListener("paste", paste);
  }, [takesPaste, onPhotos]);
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    give(event.dataTransfer.files);
  };
  const over = (event) => {
    event.preventDefault();
    setOver(true);
  };
  const chosen = (event) => {
    give(event.target.files);
    event.target.value = "";
  };
  const problem = cameraProblem();
  return html`<div class="drop ${isOver ? "over" : ""}" onDrop=${drop} onDragOver=${over} onDragLeave=${() => setOver(false)}>
    <p>${several ? t("drop_photos") : t("drop_photo")}</p>
    <div class="buttons">
      <button type="button" class="small" onClick=${() => input.current.click()}>
        ${several ? t("choose_photos") : t("choose_photo")}
      </button>
      <button type="button" class="small secondary" disabled=${Boolean(problem)} onClick=${() => setCamera(true)}>
        ${t("webcam")}
      </button>
    </div>
    ${problem && html`<small>${problem}</small>`}
    <input ref=${input} class="hidden-input" type="file" accept=${IMAGES} multiple=${several} aria-label=${label} tabindex="-1" onChange=${chosen} />
    ${hasCamera &&
    html`<${Camera}
      onPhoto=${(photo) => {
        setCamera(false);
        give([photo]);
      }}
      onClose=${() => setCamera(false)}
    />`}
  </div>`;
}

// A photo with boxes and landmarks over it. Boxes are in pixels of the upright image, as browsers show it.
export function Photo({ file, url, faces = [], alt, chosen, onChoose, maxSide = Infinity }) {
  const own = useAddress(file);
  const [size, setSize] = useState(null);
  const loaded = (event) => setSize([event.target.naturalWidth, event.target.naturalHeight]);
  return html`<figure class="photo">
    <img src=${own || url} alt=${alt} onLoad=${loaded} />
    ${size &&
    Math.max(...size) < maxSide &&
    faces.length > 0 &&
    html`<svg viewBox=${`0 0 ${size[0]} ${size[1]}`} aria-hidden="true">
      ${faces.map((face, place) => Face({ face, size, place, isChosen: chosen === place, onChoose, isOnly: faces.length === 1 }))}
    </svg>`}
  </figure>`;
}

function Face({ face, size, place, isChosen, onChoose, isOnly }) {
  const unit = Math.max(...size) / 400;
  const { area, label } = face;
  const top = area.y > 18 * unit ? area.y - 5 * unit : area.y + area.h + 15 * unit;
  return html`<g class="face ${face.kind ?? ""} ${isChosen ? "chosen" : ""}" onClick=${() => onChoose?.(place)}>
    <rect class="edge" x=${area.x} y=${area.y} width=${area.w} height=${area.h} rx=${3 * unit} stroke-width=${4 * unit} />
    <rect x=${area.x} y=${area.y} width=${area.w} height=${area.h} rx=${3 * unit} stroke-width=${2 * unit} />
    ${POINTS.filter((name) => area[name]).map(
      (name) => html`<circle cx=${area[name][0]} cy=${area[name][1]} r=${1.8 * unit} stroke-width=${0.6 * unit} />`,
    )}
    ${(label || !isOnly) &&
    html`<text x=${area.x} y=${top} font-size=${14 * unit} stroke-width=${3 * unit}>${label ?? place + 1}</text>`}
  </g>`;
}
