/** A value of about 1 KB, as a service for a shop would cache it. */
export interface Product {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly price: number
  readonly stock: number
  readonly categories: readonly string[]
}

export const product = (id: string): Product => ({
  id,
  title: 'Adjustable standing desk with cable tray and memory panel',
  description: 'Height range 62 to 127 cm, dual motor, 120 kg load. '.repeat(16),
  price: 499.9,
  stock: 1_200,
  categories: ['furniture', 'office', 'desks'],
})
