// A still photo of the webcam.

import { html, useEffect, useRef, useState } from "./preact-htm.js";
import { t } from "./language.js";
import { Dialog } from "./parts.js";

const QUALITY = 0.92; // of the JPEG, 0 to 1

// Why there can be no webcam here; empty if there may be one.
export function cameraProblem() {
  if (!window.isSecureContext) return t("webcam_insecure");
  return navigator.mediaDevices?.getUserMedia ? "" : t("webcam_unsupported");
}

export function Camera({ onPhoto, onClose }) {
  const video = useRef(null);
  const [problem, setProblem] = useState("");
  const [isReady, setReady] = useState(false);
  useEffect(() => {
    let stream = null;
    let isOpen = true;
    const start = async () => {
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "user" } });
        if (!isOpen) return stop();
        video.current.srcObject = stream;
        await video.current.play();
        setReady(true);
      } catch (error) {
        if (isOpen) setProblem(error.name === "NotAllowedError" ? t("webcam_denied") : t("webcam_none"));
      }
      return undefined;
    };
    const stop = () => stream?.getTracks().forEach((track) => track.stop());
    start();
    return () => {
      isOpen = false;
      stop();
    };
  }, []);
  const take = () => {
    const canvas = document.createElement("canvas");
    canvas.width = video.current.videoWidth;
    canvas.height = video.current.videoHeight;
    canvas.getContext("2d").drawImage(video.current, 0, 0);
    canvas.toBlob((photo) => onPhoto(new File([photo], "webcam.jpg", { type: photo.type })), "image/jpeg", QUALITY);
  };
  return html`<${Dialog} title=${t("webcam")} onClose=${onClose}>
    ${problem
      ? html`<p class="note bad" role="alert">${problem}</p>`
      : html`<video ref=${video} class="mirrored" muted playsinline aria-label=${t("webcam")}></video>`}
    <footer>
      <button type="button" class="secondary" onClick=${onClose}>${t("cancel")}</button>
      <button type="button" disabled=${!isReady} onClick=${take}>${t("take_photo")}</button>
    </footer>
  <//>`;
}
