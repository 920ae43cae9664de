"use strict";

// Elements are made from names and text alone: nothing that a report says is ever parsed as HTML.
const SVG = "http://www.w3.org/2000/svg";

function make(namespace, tag, attributes, children) {
  const element = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const h = (tag, attributes, ...children) => make(null, tag, attributes, children);
const s = (tag, attributes, ...children) => make(SVG, tag, attributes, children);
const byId = (id) => document.getElementById(id);

function remember(key, value) {
  try {
    if (value === undefined) return localStorage.getItem("auditor-" + key);
    localStorage.setItem("auditor-" + key, value);
  } catch {
    // Some browsers keep nothing for a page opened from a file.
  }
  return null;
}

function onPress(action) {
  return (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      action(event);
    }
  };
}
