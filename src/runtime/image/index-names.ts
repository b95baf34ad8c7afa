import { BayplanError } from '../../state/bayplan-error.ts';
import { normalizeReference } from '../../state/image-reference.ts';
import { IMAGE_NAME, REF_NAME, type Descriptor, type Index } from './oci.ts';

/** Whole names are ours; what another program has put into the layout may be shorter, or no name of an image at all. */
export function nameOf({ annotations }: Descriptor): string | null {
  const name = annotations?.[IMAGE_NAME] ?? annotations?.[REF_NAME];
  try {
    return name === undefined ? null : normalizeReference(name);
  } catch (error) {
    if (error instanceof BayplanError) return null;
    throw error;
  }
}

/** One descriptor for each name of a manifest; a nameless one where it has none. */
export function named(plain: Descriptor, references: readonly string[]): readonly Descriptor[] {
  return references.length === 0 ? [plain] : references.map((name) => ({ ...plain, annotations: { [REF_NAME]: name, [IMAGE_NAME]: name } }));
}

/** A name stands for one image; one that loses its last name stays, nameless, for the containers made from it. */
export function withDescriptors(index: Index, added: readonly Descriptor[]): Index {
  const kept = withoutNames(index, new Set(added.flatMap((descriptor) => nameOf(descriptor) ?? [])));
  return { ...index, manifests: namelessOnce([...kept.manifests, ...added]) };
}

/** Takes names away; the images stay. */
export function withoutNames(index: Index, names: ReadonlySet<string>): Index {
  return { ...index, manifests: namelessOnce(index.manifests.map((descriptor) => {
    const { annotations, ...plain } = descriptor;
    const name = nameOf(descriptor);
    return annotations === undefined || (name !== null && names.has(name)) ? plain : descriptor;
  })) };
}

/** A manifest that has a name needs no nameless descriptor; one that has none needs one. */
function namelessOnce(descriptors: readonly Descriptor[]): Descriptor[] {
  const seen = new Set(descriptors.filter(({ annotations }) => annotations !== undefined).map(({ digest }) => digest));
  return descriptors.filter(({ digest, annotations }) => {
    if (annotations !== undefined) return true;
    if (seen.has(digest)) return false;
    seen.add(digest);
    return true;
  });
}
