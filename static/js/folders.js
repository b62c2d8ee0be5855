// Files out of what was dropped, folders walked through. Names keep their path inside the folder.

export async function folderFiles(transfer) {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = [];
  for (const entry of entries) {
    if (entry instanceof File) found.push({ file: entry, name: entry.name });
    else if (entry) await walk(entry, "", found);
  }
  return found;
}

// Out of a folder that was chosen. Hidden files and folders (.git) stay out here as well.
export function chosenFiles(files) {
  const found = [...files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
  return found.filter(({ file, name }) => !file.webkitRelativePath || !name.split("/").some((part) => part.startsWith(".")));
}

async function walk(entry, path, found) {
  const name = path + entry.name;
  if (entry.name.startsWith(".")) return;
  if (entry.isFile) {
    found.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), name });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (!batch.length) return;
    for (const child of batch) await walk(child, `${name}/`, found);
  }
}
